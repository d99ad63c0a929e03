import { beginMasking, endMasking, enterMaskedTimeline } from '../store/anonymized-branches.ts';
import { done } from './action.ts';
import type { Outcome, StepContext } from './action.ts';
import { loadBranchHost, putEndpoints, suspendEndpoints } from './branch-host.ts';
import { putBesidePresent } from './put-timeline.ts';
import { changeContent } from './read-content.ts';

/*
 * Masks the data of an anonymized branch: nobody gets into it any more, and what runs is stopped; its
 * host makes a masked timeline beside the present one; the branch goes over to that in one
 * transaction and is open from then on; the former timeline, with all that leads back to what was
 * there, is deleted. Until the branch went over nothing was changed that giving up would not undo.
 */

type StepName = 'place' | 'close' | 'mask' | 'uncover' | 'open';
type MaskingStep = (context: StepContext) => Promise<Outcome<StepName>>;

export const maskingSteps = {
  async close(context): Promise<Outcome<StepName>> {
    const { loaded, host } = await loadBranchHost(context, null);
    if (!host || !(await beginMasking(context.db, context.operation))) {
      return { kind: 'abort', reason: 'the branch has no data: it could not be created' };
    }
    await putEndpoints(host, loaded, context);
    await suspendEndpoints(host, loaded, context);
    return { kind: 'next', step: 'mask' };
  },

  async mask(context): Promise<Outcome<StepName>> {
    const { loaded, host } = await loadBranchHost(context);
    if (!host) return { kind: 'next', step: 'place' };
    await putBesidePresent(host, loaded, context);
    return { kind: 'next', step: 'uncover' };
  },

  async uncover({ db, operation }): Promise<Outcome<StepName>> {
    if (await enterMaskedTimeline(db, operation)) return { kind: 'next', step: 'open' };
    return { kind: 'abort', reason: 'the anonymization was given up' };
  },

  async open(context): Promise<Outcome<StepName>> {
    const { loaded, host } = await loadBranchHost(context);
    if (host) {
      await changeContent(host, loaded, { ...context, changes: [] });
      await putEndpoints(host, loaded, context);
    }
    await endMasking(context.db, context.operation);
    return done;
  },
} satisfies Readonly<Record<Exclude<StepName, 'place'>, MaskingStep>>;
