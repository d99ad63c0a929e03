import { PgfleetError } from '@pgfleet/contract';
import type { ErrorCode, OperationAction } from '@pgfleet/contract';
import { backoffMs, RpcUnreachableError } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import type { Database } from '../store/database.ts';
import { clearPendingState } from '../store/endpoints.ts';
import { finishOperation, postpone, saveStep } from '../store/operation-queue.ts';
import type { OperationRow } from '../store/schema.ts';
import type { Action, HostConnector, Outcome } from './action.ts';

export interface RunContext {
  readonly db: Database;
  readonly actions: Readonly<Record<OperationAction, Action>>;
  readonly connectHost: HostConnector;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Until when nothing is given up for being late, in milliseconds since 1970. */
  readonly patientUntilMs: number;
  /** Whether `signal` was aborted because this process stops. */
  isStopping(): boolean;
  /** Called with the pause after which the operation is due again. */
  wakeIn(ms: number): void;
}

const RETRY = { baseMs: 200, capMs: 30_000 } as const;
/** A host that is back says so, and what waits for it is due: nobody has to ask often for that. */
const RETRY_AWAY = { ...RETRY, capMs: 300_000 } as const;
/** A host that restarts costs a few attempts; only what goes on for longer is worth a look. */
const QUIET_FAILURES = 5;

/** Rules that nothing can be masked by, settings that Postgres refuses, a quota that is used up. */
const tenantsOwn: ReadonlySet<ErrorCode> = new Set([
  'masking_refused',
  'invalid_request',
  'quota_exceeded',
  'endpoint_disabled',
]);

/** Runs a claimed operation as far as it gets: to its end, or to a point where it has to wait. */
export async function runOperation(operation: OperationRow, run: RunContext): Promise<void> {
  const log = run.log.child({
    operation_id: operation.id,
    project_id: operation.project_id,
    action: operation.action,
  });
  try {
    await advance(operation, { ...run, log });
  } catch (error) {
    // The lease runs out and the operation is tried again; the row still says where it was.
    log.warn({ err: error }, 'operation could not be written down');
  }
}

async function advance(operation: OperationRow, run: RunContext): Promise<void> {
  if (operation.status === 'cancelling') return cancel(operation, run);
  let step = operation.step ?? run.actions[operation.action].first;
  for (;;) {
    const outcome = await runStep(operation, step, run);
    if (outcome?.kind !== 'next') return settle(operation, outcome, run);
    step = outcome.step;
    if (!(await saveStep(run.db, operation, step))) return cancel(operation, run);
  }
}

// `undefined` when the operation was put off or ended already.
async function runStep(
  operation: OperationRow,
  name: string,
  run: RunContext,
): Promise<Outcome<string> | undefined> {
  const step = run.actions[operation.action].steps[name];
  if (!step) return { kind: 'abort', reason: `there is no step ${name}` };
  try {
    return await step({ operation, ...run });
  } catch (error) {
    await settleFailure(operation, error, run);
    return undefined;
  }
}

async function settle(
  operation: OperationRow,
  outcome: Exclude<Outcome<string>, { kind: 'next' }> | undefined,
  run: RunContext,
): Promise<void> {
  switch (outcome?.kind) {
    case undefined:
      return;
    case 'done':
      return finishOperation(run.db, operation, { status: 'finished', error: null });
    case 'abort':
      return giveUp(operation, outcome, run);
    case 'waitFor':
      run.log.debug({ what: outcome.what }, 'operation waits');
      return tryLater(
        operation,
        { ...outcome, error: null, failures: operation.failures_count },
        run,
      );
  }
}

async function settleFailure(
  operation: OperationRow,
  error: unknown,
  run: RunContext,
): Promise<void> {
  const failures = operation.failures_count;
  if (run.isStopping()) return putOff(operation, { delayMs: 0, error: null, failures }, run);
  if (run.signal.aborted) return cancel(operation, run);
  if (isPermanent(error)) return giveUp(operation, { reason: publicText(error), error }, run);
  const level = failures < QUIET_FAILURES ? 'info' : 'warn';
  run.log[level]({ err: error, failures: failures + 1 }, 'operation failed, it will be retried');
  const isAway = error instanceof RpcUnreachableError;
  const delayMs = backoffMs(failures + 1, isAway ? RETRY_AWAY : RETRY);
  return tryLater(operation, { delayMs, error: publicText(error), failures: failures + 1 }, run);
}

interface Pause {
  readonly delayMs: number;
  readonly error: string | null;
  readonly failures: number;
}

// One that is late was tried once more: what kept it from being done may be over.
async function tryLater(operation: OperationRow, pause: Pause, run: RunContext): Promise<void> {
  const end = Math.max(operation.deadline_at.getTime(), run.patientUntilMs);
  if (Date.now() < end) return putOff(operation, pause, run);
  return giveUp(
    operation,
    { reason: `not done in time: ${pause.error ?? 'no attempt failed'}` },
    run,
  );
}

async function putOff(operation: OperationRow, until: Pause, run: RunContext): Promise<void> {
  const isHeld = await postpone(run.db, operation, until);
  if (!isHeld) return cancel(operation, run);
  run.wakeIn(until.delayMs);
}

// What cannot be undone now is tried again, and so is the operation.
async function giveUp(
  operation: OperationRow,
  { reason, error }: { readonly reason: string; readonly error?: unknown },
  run: RunContext,
): Promise<void> {
  try {
    await run.actions[operation.action].giveUp?.({ operation, ...run }, reason);
  } catch (undone) {
    const failures = operation.failures_count + 1;
    run.log.warn({ err: undone, failures }, 'what an operation has begun cannot be undone yet');
    const delayMs = backoffMs(failures, RETRY_AWAY);
    return putOff(operation, { delayMs, error: reason, failures }, run);
  }
  // What a tenant asked for in vain is theirs to mend, and nobody else's to look at.
  const isTheirs = error instanceof PgfleetError && tenantsOwn.has(error.code);
  run.log[isTheirs ? 'info' : 'error']({ reason }, 'operation failed for good');
  await finishOperation(run.db, operation, { status: 'failed', error: reason });
  if (operation.endpoint_id) await clearPendingState(run.db, operation.endpoint_id);
}

// Does nothing when the lease is lost: then the operation is another worker's.
async function cancel(operation: OperationRow, run: RunContext): Promise<void> {
  await finishOperation(run.db, operation, { status: 'cancelled', error: null });
}

// An error of the catalogue that says the same to every further attempt.
function isPermanent(error: unknown): boolean {
  return error instanceof PgfleetError && error.code !== 'internal' && !error.entry.retryable;
}

// Operations are public: what they say of an error must be fit for clients.
function publicText(error: unknown): string {
  if (error instanceof PgfleetError) return error.message;
  if (error instanceof RpcUnreachableError) return 'the host of this project cannot be reached';
  return 'internal error';
}
