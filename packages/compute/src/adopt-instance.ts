import {
  identifyProcess,
  isLocked,
  isSameProcess,
  type ProcessIdentity,
  sleep,
} from '@pgfleet/kit';
import { ComputeError } from './compute-error.ts';
import { Instance, type InstancePlace, type InstanceRecord } from './instance.ts';
import { killProcess } from './kill-process.ts';
import { findLockHolders, findOrphanedBackends, findPostmasterAmong } from './process-tree.ts';

const SEARCH_TIMEOUT_MS = 2_000;
const SEARCH_INTERVAL_MS = 10;
const END_TIMEOUT_MS = 1_000;

/**
 * Finds the instance that runs on a timeline; `undefined` when nobody runs there.
 *
 * The record is only the quick way. When it is missing or wrong, because its writer was killed
 * between the spawn and the write, the holders of the lock are searched for a postmaster. Backends
 * that outlived theirs are killed, and so is a start that hangs before Postgres. The instance may
 * still be starting.
 *
 * @throws ComputeError `timeline_locked` when the lock stays busy and its holder is no instance.
 */
export async function adoptInstance(
  place: InstancePlace,
  record?: InstanceRecord,
  signal?: AbortSignal,
): Promise<Instance | undefined> {
  if (isOf(place, record)) {
    return Instance.attach({ ...placeOf(place), postmaster: record.postmaster });
  }
  const end = performance.now() + SEARCH_TIMEOUT_MS;
  while (isLocked(place.lockPath)) {
    const postmaster = findRunning(place.lockPath);
    if (postmaster) return Instance.attach({ ...placeOf(place), postmaster });
    const overdueMs = performance.now() - end;
    if (overdueMs > 0) findLockHolders(place.lockPath).forEach(killProcess);
    if (overdueMs > END_TIMEOUT_MS) {
      throw new ComputeError('timeline_locked', 'the timeline is locked by another process');
    }
    await sleep(SEARCH_INTERVAL_MS, signal);
  }
  return undefined;
}

// Alive is alive, whatever the lock says: code of a tenant that got into the server shares the open
// file with it, and so can unlock it.
function isOf(
  { lockPath }: InstancePlace,
  record: InstanceRecord | undefined,
): record is InstanceRecord {
  return record?.lockPath === lockPath && isSameProcess(record.postmaster);
}

function findRunning(lockPath: string): ProcessIdentity | undefined {
  const holders = findLockHolders(lockPath);
  for (const pid of findOrphanedBackends(holders)) killProcess(pid);
  const pid = findPostmasterAmong(holders);
  return pid === undefined ? undefined : identifyProcess(pid);
}

function placeOf({ dataDirectory, socketDirectory, lockPath }: InstancePlace): InstancePlace {
  return { dataDirectory, socketDirectory, lockPath };
}
