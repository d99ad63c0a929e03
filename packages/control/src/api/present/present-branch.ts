import type { Branch } from '@pgfleet/contract';
import { timestamp } from '../../domain/timestamps.ts';
import type { BranchDetails } from '../../store/branches.ts';
import type { BranchRow } from '../../store/schema.ts';

/** A branch as the API shows it; who made it is left out where that was just done. */
export function presentBranch(branch: BranchRow & Partial<BranchDetails>): Branch {
  const seconds = Math.round(branch.active_seconds ?? 0);
  return {
    id: branch.id,
    project_id: branch.project_id,
    ...(branch.parent_id ? { parent_id: branch.parent_id } : {}),
    ...(branch.parent_lsn ? { parent_lsn: branch.parent_lsn } : {}),
    ...(branch.parent_timestamp ? { parent_timestamp: timestamp(branch.parent_timestamp) } : {}),
    name: branch.name,
    current_state: branch.current_state,
    ...(branch.pending_state ? { pending_state: branch.pending_state } : {}),
    state_changed_at: timestamp(branch.state_changed_at),
    ...optional('logical_size', branch.logical_size),
    creation_source: 'console',
    primary: branch.is_default,
    default: branch.is_default,
    protected: branch.is_protected,
    cpu_used_sec: seconds,
    compute_time_seconds: seconds,
    active_time_seconds: seconds,
    written_data_bytes: 0,
    data_transfer_bytes: Math.round(branch.bytes_out ?? 0),
    created_at: timestamp(branch.created_at),
    updated_at: timestamp(branch.updated_at),
    ...optional('ttl_interval_seconds', branch.ttl_interval_seconds),
    ...optional('expires_at', branch.expires_at && timestamp(branch.expires_at)),
    ...optional('last_reset_at', branch.last_reset_at && timestamp(branch.last_reset_at)),
    ...(branch.creator_name ? { created_by: { name: branch.creator_name, image: '' } } : {}),
    init_source: branch.init_source,
    ...optional('restore_status', branch.restore_status),
    ...optional('restored_from', branch.restored_from),
    ...optional('restored_as', branch.restored_as),
    ...presentRestrictions(branch),
    ...presentRecovery(branch),
  };
}

const RESTRICTED = ['restore', 'delete-rw-endpoint'];

function presentRestrictions({
  is_protected: isProtected,
  is_anonymized: isAnonymized,
}: BranchRow): Pick<Branch, 'restricted_actions'> {
  if (!isProtected && !isAnonymized) return {};
  const reason = isAnonymized ? 'the branch is anonymized' : 'the branch is protected';
  return { restricted_actions: RESTRICTED.map((name) => ({ name, reason })) };
}

// Whom nobody deleted ran out of time.
function presentRecovery(branch: BranchRow): Pick<Branch, 'recovery'> {
  const { deleted_at: deletedAt, purge_at: purgeAt } = branch;
  if (!deletedAt || !purgeAt) return {};
  return {
    recovery: {
      deleted_at: timestamp(deletedAt),
      recoverable_until: timestamp(purgeAt),
      deletion_method: branch.deleted_by ? 'user' : 'ttl',
    },
  };
}

function optional(name: keyof Branch, value: unknown) {
  return value === null || value === undefined ? {} : { [name]: value };
}
