import type {
  CreatedOrganizationApiKey,
  KeyScope,
  OrganizationApiKeyListItem,
  RevokedOrganizationApiKey,
} from '@pgfleet/contract';
import { timestamp } from '../../domain/timestamps.ts';
import type { ListedApiKey } from '../../store/api-keys.ts';
import type { ApiKeyRow } from '../../store/schema.ts';

/** A key as the answer to its creation shows it: with the key itself. */
export function presentCreatedApiKey(row: ApiKeyRow, key: string): CreatedOrganizationApiKey {
  return {
    id: row.id,
    key,
    name: row.name,
    created_at: timestamp(row.created_at),
    created_by: row.user_id,
    ...scopeOf(row),
  };
}

/** A key as lists show it. */
export function presentListedApiKey(row: ListedApiKey): OrganizationApiKeyListItem {
  return {
    id: row.id,
    name: row.name,
    created_at: timestamp(row.created_at),
    created_by: { id: row.user_id, name: row.creator_name, image: '' },
    ...lastUse(row),
    ...scopeOf(row),
  };
}

/** A key as the answer to its end shows it. */
export function presentRevokedApiKey(row: ApiKeyRow): RevokedOrganizationApiKey {
  return {
    id: row.id,
    name: row.name,
    created_at: timestamp(row.created_at),
    created_by: row.user_id,
    ...lastUse(row),
    revoked: true,
    ...scopeOf(row),
  };
}

function lastUse(row: ApiKeyRow) {
  return {
    last_used_at: row.last_used_at && timestamp(row.last_used_at),
    last_used_from_addr: row.last_used_from_addr,
  };
}

function scopeOf({ project_id: id }: ApiKeyRow): KeyScope {
  return id ? { project_id: id } : {};
}
