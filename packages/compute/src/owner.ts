import { getgid, getuid } from 'node:process';
import { ComputeError } from './compute-error.ts';

/** The operating-system user that an instance runs as and that owns its files. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The user this process runs as. */
export function currentOwner(): Owner {
  return { uid: getuid?.() ?? -1, gid: getgid?.() ?? -1 };
}

/**
 * The user to change to: the given one when root, none otherwise.
 *
 * @throws ComputeError `sandbox_unavailable` when root gives none: Postgres refuses to run as root.
 */
export function effectiveOwner(owner: Owner | undefined): Owner | undefined {
  if (currentOwner().uid !== 0) return undefined;
  if (owner && owner.uid !== 0) return owner;
  throw new ComputeError('sandbox_unavailable', 'under root every instance needs an owner');
}
