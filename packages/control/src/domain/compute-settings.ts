import type { Installation } from './installation.ts';
import { invalidField } from './invalid-request.ts';

export interface ComputeLimits {
  readonly minCu: number;
  readonly maxCu: number;
}

/** What `suspend_timeout_seconds: 0` stands for. */
const DEFAULT_SUSPEND_TIMEOUT_SECONDS = 300;
const MAX_CU = 56;
const CU_STEP = 0.25;

export const defaultComputeLimits: ComputeLimits = { minCu: 0.25, maxCu: 0.25 };

interface RequestedLimits {
  readonly autoscaling_limit_min_cu?: number | undefined;
  readonly autoscaling_limit_max_cu?: number | undefined;
}

/**
 * Applies requested limits to current ones. Where only one of them is given, the other follows.
 *
 * @throws PgfleetError `invalid_request` for sizes that do not exist or a minimum above the maximum.
 */
export function changeComputeLimits(
  current: ComputeLimits,
  requested: RequestedLimits,
  field: string,
): ComputeLimits {
  const { autoscaling_limit_min_cu: min, autoscaling_limit_max_cu: max } = requested;
  for (const [name, cu] of Object.entries({ min, max })) {
    if (cu !== undefined && (cu > MAX_CU || cu % CU_STEP !== 0)) {
      const problem = `must be a multiple of ${CU_STEP} up to ${MAX_CU}`;
      throw invalidField(`${field}.autoscaling_limit_${name}_cu`, problem);
    }
  }
  if (min !== undefined && max !== undefined && min > max) {
    const problem = 'must not be above autoscaling_limit_max_cu';
    throw invalidField(`${field}.autoscaling_limit_min_cu`, problem);
  }
  return {
    minCu: min ?? Math.min(current.minCu, max ?? current.minCu),
    maxCu: max ?? Math.max(current.maxCu, min ?? current.maxCu),
  };
}

/**
 * Passes a suspend timeout on if the installation allows it: 0 (the default), -1 (never), or at
 * least the installation's minimum.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function requireSuspendTimeout(
  seconds: number,
  field: string,
  { minSuspendTimeoutSeconds: minimum }: Installation,
): number {
  if (seconds > 0 && seconds < minimum) {
    const problem = `must be 0, -1 or at least ${minimum}`;
    throw invalidField(`${field}.suspend_timeout_seconds`, problem);
  }
  return seconds;
}

/** The timeout a host enforces: seconds, or -1 for never. */
export function effectiveSuspendTimeout(seconds: number): number {
  return seconds === 0 ? DEFAULT_SUSPEND_TIMEOUT_SECONDS : seconds;
}
