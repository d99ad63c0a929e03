import type { Branch } from '@pgfleet/contract';
import { optionalTimestamp, timestamp } from '../../domain/timestamps.ts';
import type { BranchDetails } from '../../store/branches.ts';
import type { BranchRow } from '../../store/schema.ts';

/** A branch as the API shows it; who made it is left out where nobody looked that up. */
export function presentBranch(branch: BranchRow & Partial<BranchDetails>): Branch {
  const cuSeconds = Math.round(branch.cu_seconds ?? 0);
  return {
    id: branch.id,
    project_id: branch.project_id,
    parent_id: branch.parent_id ?? undefined,
    parent_lsn: branch.parent_lsn ?? undefined,
    parent_timestamp: optionalTimestamp(branch.parent_timestamp),
    name: branch.name,
    current_state: branch.current_state,
    pending_state: branch.pending_state ?? undefined,
    state_changed_at: timestamp(branch.state_changed_at),
    logical_size: branch.logical_size ?? undefined,
    creation_source: 'console',
    primary: branch.is_default,
    default: branch.is_default,
    protected: branch.is_protected,
    cpu_used_sec: cuSeconds,
    compute_time_seconds: cuSeconds,
    active_time_seconds: Math.round(branch.active_seconds ?? 0),
    written_data_bytes: Math.round(branch.written_bytes ?? 0),
    data_transfer_bytes: Math.round(branch.bytes_out ?? 0),
    created_at: timestamp(branch.created_at),
    updated_at: timestamp(branch.updated_at),
    ttl_interval_seconds: branch.ttl_interval_seconds ?? undefined,
    expires_at: optionalTimestamp(branch.expires_at),
    last_reset_at: optionalTimestamp(branch.last_reset_at),
    created_by: branch.creator_name ? { name: branch.creator_name, image: '' } : undefined,
    init_source: branch.init_source,
    restore_status: branch.restore_status ?? undefined,
    restored_from: branch.restored_from ?? undefined,
    restored_as: branch.restored_as ?? undefined,
    restricted_actions: presentRestrictions(branch),
    recovery: presentRecovery(branch),
  };
}

const RESTRICTED = ['restore', 'delete-rw-endpoint'];

function presentRestrictions({
  is_protected: isProtected,
  is_anonymized: isAnonymized,
}: BranchRow): Branch['restricted_actions'] {
  if (!isProtected && !isAnonymized) return undefined;
  const reason = isAnonymized ? 'the branch is anonymized' : 'the branch is protected';
  return RESTRICTED.map((name) => ({ name, reason }));
}

// Whom nobody deleted ran out of time.
function presentRecovery(branch: BranchRow): Branch['recovery'] {
  const { deleted_at: deletedAt, purge_at: purgeAt } = branch;
  if (!deletedAt || !purgeAt) return undefined;
  return {
    deleted_at: timestamp(deletedAt),
    recoverable_until: timestamp(purgeAt),
    deletion_method: branch.deleted_by ? 'user' : 'ttl',
  };
}
