import { hasErrorCode } from '@pgfleet/kit';

/** What went wrong with a volume, for callers that branch on it. */
export type VolumeErrorCode =
  | 'bad_tree_name'
  | 'tree_missing'
  | 'tree_exists'
  | 'no_space'
  | 'driver_unavailable'
  | 'busy'
  | 'closed';

/** A failure that a caller of a volume is expected to tell apart by its `code`. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
  readonly code: VolumeErrorCode;

  constructor(code: VolumeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether something failed because the volume is full. */
export function isFull(error: unknown): boolean {
  return error instanceof VolumeError && error.code === 'no_space';
}

/** Gives a full disk or quota its own code; any other error is passed through. */
export function namedFailure(error: unknown, doing: string): unknown {
  if (!hasErrorCode(error, 'ENOSPC', 'EDQUOT')) return error;
  return new VolumeError('no_space', `the volume is full: could not ${doing}`, { cause: error });
}
