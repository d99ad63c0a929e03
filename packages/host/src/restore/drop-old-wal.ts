import { DataDirectory, readControlFile } from '@pgfleet/compute';
import { parseSegmentName, segmentAt } from '../history/wal-segment.ts';

const PAGE_BYTES = 8192n;

/**
 * Takes the WAL that made a recovered cluster what it is out of the cluster at rest, and the unused
 * end of its last segment off the disk: what is left is a few kilobytes instead of its source's WAL.
 */
export async function dropOldWal(dataDirectory: string): Promise<void> {
  const { checkpointLsn, redoLsn, timelineNumber, walSegmentBytes } =
    readControlFile(dataDirectory);
  const segmentBytes = BigInt(walSegmentBytes);
  // A checkpoint record of a clean stop is short: it ends on its own page or on the next one.
  const usedBytes = ((checkpointLsn % segmentBytes) / PAGE_BYTES + 2n) * PAGE_BYTES;
  const current = segmentAt(timelineNumber, redoLsn).name;
  const last = segmentAt(timelineNumber, checkpointLsn + PAGE_BYTES).name;
  using files = DataDirectory.open(dataDirectory);
  for (const name of await files.list('pg_wal')) {
    const isNeeded = name === current || (usedBytes > segmentBytes && name === last);
    if (parseSegmentName(name) && !isNeeded) await files.remove(`pg_wal/${name}`);
  }
  if (usedBytes >= segmentBytes) return;
  const content = files.read(`pg_wal/${current}`, Number(usedBytes));
  await files.write(`pg_wal/${current}`, content, { sizeBytes: walSegmentBytes });
}
