import type { ComputeState } from '@pgfleet/contract';

/** What can happen to a compute. */
export type ComputeEvent =
  /** Somebody wants it to run. */
  | 'start'
  /** The launch succeeded. */
  | 'launched'
  /** The launch failed, and nothing of it is left. */
  | 'launch_failed'
  /** A restarted host found it running. */
  | 'adopted'
  /** Somebody, or the idle clock, wants it to rest. */
  | 'suspend'
  /** The stop is complete: no process is left. */
  | 'stopped'
  /** Its processes are gone although nobody asked. */
  | 'died';

/** What entering a transition makes the endpoint do. */
export type ComputeEffect = 'launch' | 'stop' | 'watch' | 'rest' | 'nothing';

export interface ComputeTransition {
  readonly to: ComputeState;
  readonly effect: ComputeEffect;
}

const to = (state: ComputeState, effect: ComputeEffect = 'nothing'): ComputeTransition => ({
  to: state,
  effect,
});
const impossible = 'impossible';

/**
 * The life of a compute. Whoever wants it to run while it is being suspended, or to rest while it
 * is being launched, waits for that to end and asks again; so every transition has one owner.
 */
export const computeTransitions: Readonly<
  Record<ComputeState, Readonly<Record<ComputeEvent, ComputeTransition | typeof impossible>>>
> = {
  idle: {
    start: to('starting', 'launch'),
    launched: impossible,
    launch_failed: impossible,
    adopted: to('active', 'watch'),
    suspend: to('idle'),
    stopped: impossible,
    died: to('idle'),
  },
  starting: {
    start: to('starting'),
    launched: to('active', 'watch'),
    launch_failed: to('idle', 'rest'),
    adopted: impossible,
    suspend: to('starting'),
    stopped: impossible,
    died: to('starting'),
  },
  active: {
    start: to('active'),
    launched: impossible,
    launch_failed: impossible,
    adopted: impossible,
    suspend: to('suspending', 'stop'),
    stopped: impossible,
    died: to('idle', 'rest'),
  },
  suspending: {
    start: to('suspending'),
    launched: impossible,
    launch_failed: impossible,
    adopted: impossible,
    suspend: to('suspending'),
    stopped: to('idle', 'rest'),
    died: to('suspending'),
  },
};

/** @throws Error when the event cannot happen in this state: a defect of the caller. */
export function computeTransition(state: ComputeState, event: ComputeEvent): ComputeTransition {
  const transition = computeTransitions[state][event];
  if (transition === impossible) throw new Error(`a compute that is ${state} cannot be ${event}`);
  return transition;
}
