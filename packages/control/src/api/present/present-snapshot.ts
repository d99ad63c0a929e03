import type { Snapshot } from '@pgfleet/contract';
import { optionalTimestamp, timestamp } from '../../domain/timestamps.ts';
import type { SnapshotRow } from '../../store/schema.ts';

/** A snapshot as the API shows it. */
export function presentSnapshot(snapshot: SnapshotRow): Snapshot {
  const { lsn, at, expires_at: expiresAt, full_size: fullSize } = snapshot;
  return {
    id: snapshot.id,
    name: snapshot.name,
    lsn: lsn ?? undefined,
    timestamp: optionalTimestamp(at),
    source_branch_id: snapshot.source_branch_id,
    created_at: timestamp(snapshot.created_at),
    expires_at: optionalTimestamp(expiresAt),
    manual: snapshot.is_manual,
    full_size: fullSize ?? undefined,
  };
}
