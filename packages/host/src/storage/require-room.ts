import { PgfleetError } from '@pgfleet/contract';
import type { Volume } from '@pgfleet/volume';

// Two segments of WAL: those who run go on writing, and a checkpoint that finds no room ends them all.
const RESERVED_BYTES = 32 * 1024 * 1024;

/**
 * Sees to it that the last room of a volume is left to the tenants who run: nothing else is begun.
 *
 * @throws PgfleetError `disk_full`.
 */
export async function requireRoom(volume: Pick<Volume, 'usage'>): Promise<void> {
  const { freeBytes } = await volume.usage();
  if (freeBytes < RESERVED_BYTES) throw new PgfleetError('disk_full');
}
