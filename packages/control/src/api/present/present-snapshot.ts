import type { Snapshot } from '@pgfleet/contract';
import { timestamp } from '../../domain/timestamps.ts';
import type { SnapshotRow } from '../../store/schema.ts';

/** A snapshot as the API shows it. */
export function presentSnapshot(snapshot: SnapshotRow): Snapshot {
  const { lsn, at, expires_at: expiresAt, full_size: fullSize } = snapshot;
  return {
    id: snapshot.id,
    name: snapshot.name,
    ...(lsn ? { lsn } : {}),
    ...(at ? { timestamp: timestamp(at) } : {}),
    source_branch_id: snapshot.source_branch_id,
    created_at: timestamp(snapshot.created_at),
    ...(expiresAt ? { expires_at: timestamp(expiresAt) } : {}),
    manual: snapshot.is_manual,
    ...(fullSize === null ? {} : { full_size: fullSize }),
  };
}
