import { ComputeError, DataDirectory } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import { hasErrorCode } from '@pgfleet/kit';
import { findBrokenRecord } from '../history/broken-record.ts';
import { HistoryDamaged } from '../history/history-damaged.ts';
import { parseLsn } from '../history/wal-segment.ts';
import type { CopyParts } from './copy-parts.ts';
import { DamagedPoint } from './damaged-point.ts';
import type { PreparedRecovery } from './prepare-recovery.ts';

// A recovery and what comes after it write little; without this much they fail in many ways.
const NEEDED_BYTES = 20 * 1024 * 1024;
// SQLSTATEs `data_corrupted` and `index_corrupted`: Postgres met a page that is not what it was.
const CORRUPTED = ['XX001', 'XX002'];
const MAX_REASON_CHARACTERS = 1000;

/**
 * Says why a recovery failed: the disk is full; the WAL that it needed is not there, or a record of
 * it is broken; or it is the image. What merely disturbed it stays as it is.
 */
export async function explainFailure(
  { volume }: Pick<CopyParts, 'volume'>,
  { base, dataDirectory, endLsn, damage }: PreparedRecovery,
  error: unknown,
): Promise<unknown> {
  if (error instanceof PgfleetError) return error;
  const { freeBytes } = await volume.usage();
  if (freeBytes < NEEDED_BYTES) return new PgfleetError('disk_full', { cause: error });
  if (hasErrorCode(error, ...CORRUPTED)) return new DamagedPoint(base, String(error));
  if (!(error instanceof ComputeError) || error.code !== 'recovery_failed') return error;
  const reason = String((error.cause as Error | undefined)?.message).slice(-MAX_REASON_CHARACTERS);
  using files = DataDirectory.open(dataDirectory);
  const stretch = { from: parseLsn(base.redoLsn), to: damage?.fromLsn ?? endLsn };
  const broken = await findBrokenRecord(files, stretch);
  if (broken !== undefined) return new HistoryDamaged(broken, broken + 1n, reason);
  return damage ?? new DamagedPoint(base, reason);
}
