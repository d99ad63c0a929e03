import { applySpec, readVerifiers } from '@pgfleet/compute';
import type { AdminConnection } from '@pgfleet/compute';
import type { RoleSpec, TimelineId, TimelineReady, TimelineSpec } from '@pgfleet/contract';
import { firstSpec } from '../timelines/first-spec.ts';
import { readCapturedVerifiers } from '../timelines/resting-verifiers.ts';
import type { CopyParts } from './copy-parts.ts';
import { runAtRest } from './run-at-rest.ts';
import { whileSettled } from './while-settled.ts';

type Verifiers = ReadonlyMap<string, string>;

/**
 * Makes a timeline exist. Where it is to have the passwords of another one, those are read as they
 * are now, whoever changed them and however, and given to the roles that it has as well; also when it
 * is there already. Another one that does not exist has no passwords to give.
 *
 * @throws PgfleetError as `putTimeline` does.
 */
export async function putWithPasswords(
  parts: CopyParts,
  { passwordsOf, ...spec }: TimelineSpec,
): Promise<TimelineReady['origin']> {
  const { timelines } = parts;
  if (passwordsOf !== undefined) await timelines.remade(passwordsOf);
  if (passwordsOf === undefined || !timelines.isReady(passwordsOf)) return put(parts, spec);
  const verifiers = await presentVerifiers(parts, passwordsOf);
  const isThere = timelines.isReady(spec.timelineId);
  const roles = withVerifiers(spec.initial.roles, verifiers);
  const initial = { ...spec.initial, roles };
  // The one is about to take the place of the other, which is given up for what is sure to be there.
  const origin = await timelines.put({ ...spec, initial }, { isWhole: true });
  if (!isThere) return origin;
  await changePasswords(parts, spec.timelineId, verifiers);
  return timelines.ready(spec.timelineId).origin ?? null;
}

// Who does not want it opened at once any more wants to know what it is like.
async function put(parts: CopyParts, spec: TimelineSpec): Promise<TimelineReady['origin']> {
  const { timelines } = parts;
  const origin = await timelines.put(spec);
  const { timelineId } = spec;
  if (spec.opensAtOnce || origin || !timelines.isPending(timelineId)) return origin;
  await whileSettled(
    parts,
    { timelineId },
    { running: () => undefined, resting: async () => undefined },
  );
  return timelines.ready(timelineId).origin ?? null;
}

function withVerifiers(roles: readonly RoleSpec[], verifiers: Verifiers): RoleSpec[] {
  const all = new Map([
    ...roles.map(({ name, verifier }) => [name, verifier] as const),
    ...verifiers,
  ]);
  return [...all].map(([name, verifier]) => ({ name, verifier }));
}

async function presentVerifiers(parts: CopyParts, timelineId: TimelineId): Promise<Verifiers> {
  for (;;) {
    const captured = await whileSettled<Verifiers | undefined>(
      parts,
      { timelineId },
      {
        running: () => undefined,
        resting: async (_rest, signal, lock) =>
          capturedVerifiers(parts, timelineId) ??
          runAtRest(parts, timelineId, {
            signal,
            lock,
            work: ({ connection }) => readVerifiers(connection),
          }),
      },
    );
    const verifiers = captured ?? (await parts.claims.running(timelineId)?.use(readVerifiers));
    if (verifiers) return verifiers;
  }
}

async function changePasswords(
  parts: CopyParts,
  timelineId: TimelineId,
  verifiers: Verifiers,
): Promise<void> {
  const { spec } = parts.timelines.ready(timelineId);
  const initial = { roles: withVerifiers([], verifiers), databases: [] };
  const work = async (connection: AdminConnection) => {
    const changed = await firstSpec(connection, { spec: { ...spec, initial } }, connection.secret);
    await applySpec(connection, { ...changed, databases: [] });
    return true;
  };
  for (;;) {
    const isDone = await whileSettled<boolean | undefined>(
      parts,
      { timelineId },
      {
        running: () => undefined,
        resting: async (_rest, signal, lock) =>
          areSame(capturedVerifiers(parts, timelineId), verifiers) ||
          runAtRest(parts, timelineId, {
            signal,
            lock,
            work: ({ connection }) => work(connection),
          }),
      },
    );
    if (isDone ?? (await parts.claims.running(timelineId)?.use(work))) return;
  }
}

function capturedVerifiers(
  { timelines, layout }: CopyParts,
  timelineId: TimelineId,
): Verifiers | undefined {
  const dataDirectory = timelines.dataDirectory(timelineId);
  return readCapturedVerifiers({ dataDirectory, path: layout.verifiers(timelineId) });
}

function areSame(present: Verifiers | undefined, wanted: Verifiers): boolean {
  return [...wanted].every(([name, verifier]) => present?.get(name) === verifier);
}
