import { PgfleetError } from '@pgfleet/contract';
import type { Volume } from '@pgfleet/volume';

// Two segments of WAL: those who run go on writing, and a checkpoint that finds no room ends them all.
const RESERVED_BYTES = 32 * 1024 * 1024;

/** What work that nobody waits for leaves, so that it never takes the last room from who asks. */
export const ROOM_FOR_OTHERS_BYTES = 2 * RESERVED_BYTES;

interface RoomOptions {
  readonly reservedBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sees to it that the last room of a volume is left to the tenants who run: nothing else is begun. The
 * space of what has just been removed is waited for.
 *
 * @throws PgfleetError `disk_full`; the signal's reason.
 */
export async function requireRoom(
  volume: Pick<Volume, 'usage'>,
  { reservedBytes = RESERVED_BYTES, signal }: RoomOptions = {},
): Promise<void> {
  const { freeBytes } = await volume.usage({ wantedBytes: reservedBytes, signal });
  if (freeBytes < reservedBytes) throw new PgfleetError('disk_full');
}
