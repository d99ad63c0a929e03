import { adoptInstance } from '@pgfleet/compute';
import type { InstancePlace } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import { FileLock, TimeoutError, waitUntil } from '@pgfleet/kit';

// A killed postmaster's namespace is gone within 100 ms; a whole machine under load takes longer.
const DYING_MS = 2000;
const POLL_MS = 3;

/**
 * Takes the right to touch a timeline's files, which every process of its Postgres holds too.
 *
 * The caller knows of nobody who rightly has it: so whoever does is dying, and waited for, or a
 * stray of a killed host, and stopped.
 *
 * @throws PgfleetError `timeline_locked` when it cannot be had.
 */
export async function seizeTimelineLock(
  place: InstancePlace,
  signal?: AbortSignal,
): Promise<FileLock> {
  const lock = FileLock.tryAcquire(place.lockPath) ?? (await waitForLock(place, signal));
  if (lock) return lock;
  const stray = await adoptInstance(place);
  await stray?.stop('fast', { timeoutMs: DYING_MS, ...(signal && { signal }) });
  const freed = await waitForLock(place, signal);
  if (!freed) throw new PgfleetError('timeline_locked');
  return freed;
}

async function waitForLock(
  { lockPath }: InstancePlace,
  signal?: AbortSignal,
): Promise<FileLock | undefined> {
  try {
    return await waitUntil(() => FileLock.tryAcquire(lockPath), {
      what: `the lock ${lockPath}`,
      timeoutMs: DYING_MS,
      intervalMs: POLL_MS,
      ...(signal && { signal }),
    });
  } catch (error) {
    if (error instanceof TimeoutError) return undefined;
    throw error;
  }
}
