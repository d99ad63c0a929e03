import type { HostClient } from '@pgfleet/contract';
import type { Database } from '../store/database.ts';
import type { OperationRow } from '../store/schema.ts';

/**
 * How a step ended: go on with another one, try this one again later, the operation is done, or it
 * can never be done. A step that throws is repeated with backoff, unless the error is permanent.
 */
export type Outcome<StepName extends string> =
  | { readonly kind: 'next'; readonly step: StepName }
  | { readonly kind: 'waitFor'; readonly what: string; readonly delayMs: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'abort'; readonly reason: string };

export const done = { kind: 'done' } as const;

/** Gives access to the host API at an address. */
export type HostConnector = (address: string) => HostClient;

export interface StepContext {
  readonly operation: OperationRow;
  readonly db: Database;
  readonly connectHost: HostConnector;
  /** Aborts when the operation is to be stopped, its lease is lost, or the process stops. */
  readonly signal: AbortSignal;
}

/** A step may be repeated at any time, also after it succeeded. */
export type Step<StepName extends string> = (context: StepContext) => Promise<Outcome<StepName>>;

/** A small state machine; its steps are named by the object's keys. */
export interface Action {
  readonly first: string;
  readonly steps: Readonly<Record<string, Step<string>>>;
  /** Undoes, before it is given up for good, what the operation began; may be repeated. */
  readonly giveUp?: (context: StepContext, reason: string) => Promise<void>;
}

export function defineAction<StepName extends string>(
  first: NoInfer<StepName>,
  steps: Readonly<Record<StepName, Step<NoInfer<StepName>>>>,
  giveUp?: Action['giveUp'],
): Action {
  return { first, steps, ...(giveUp && { giveUp }) };
}
