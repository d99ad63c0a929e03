import { PgfleetError } from '@pgfleet/contract';
import type { ContentChange, HostClient } from '@pgfleet/contract';
import type { BranchOnHost } from '../domain/endpoint-spec.ts';
import { adoptContent, contentOf } from '../store/adopt-content.ts';
import type { StepContext } from './action.ts';
import { callContext, loadBranchHost } from './branch-host.ts';

/** Changes the roles and databases of a branch, and lets its rows follow what there is then. */
export async function changeContent(
  host: HostClient,
  { timeline }: Pick<BranchOnHost, 'timeline'>,
  context: StepContext & { readonly changes: readonly ContentChange[] },
): Promise<void> {
  const request = { changes: [...context.changes] };
  const content = await host.content(timeline.id, request, callContext(context));
  await adoptContent(context.db, contentOf(context.operation, content));
}

/** After a change that was given up: the rows are again what there is. */
export async function forgetChange(context: StepContext): Promise<void> {
  const { loaded, host } = await loadBranchHost(context);
  if (!host) return;
  try {
    await changeContent(host, loaded, { ...context, changes: [] });
  } catch (error) {
    if (error instanceof PgfleetError && error.code === 'timeline_not_found') return;
    throw error;
  }
}
