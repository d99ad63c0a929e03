import type { OrganizationId, ProjectId, UserId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Principal } from '../domain/principal.ts';
import type { Database } from './database.ts';
import type { ApiKeyRow } from './schema.ts';

/** Finds whom a key belongs to, and notes its use, at most once a minute. */
export async function authenticateKey(
  db: Database,
  keyHash: string,
  remoteAddress: string,
): Promise<Principal | undefined> {
  const { rows } = await sql<Principal>`
    with used as (
      update api_keys set last_used_at = now(), last_used_from_addr = ${remoteAddress}
      where key_hash = ${keyHash} and revoked_at is null
        and (last_used_at is null or last_used_at < now() - interval '1 minute')
    )
    select k.id as "apiKeyId", k.user_id as "userId", lower(u.email) as email,
      case when k.organization_id is null then 'user' else 'organization' end as subject,
      k.project_id as "projectId",
      u.is_operator and k.organization_id is null as "isOperator",
      case when k.organization_id is null then ${membershipsOfUser}
        else jsonb_build_array(jsonb_build_object('organizationId', k.organization_id,
          'role', case when k.project_id is null then 'admin' else 'member' end))
      end as memberships
    from api_keys k join users u on u.id = k.user_id
    where k.key_hash = ${keyHash} and k.revoked_at is null`.execute(db);
  return rows[0];
}

const membershipsOfUser = sql`coalesce((
  select jsonb_agg(jsonb_build_object('organizationId', m.organization_id, 'role', m.role)
    order by m.organization_id)
  from organization_members m where m.user_id = k.user_id), '[]')`;

/** Whose keys are meant: those of a user, or those of an organization. */
export type KeyOwner = { readonly userId: UserId } | { readonly organizationId: OrganizationId };

export interface NewApiKey {
  /** Whose key it is; of one of an organization, who makes it. */
  readonly userId: UserId;
  readonly organizationId?: OrganizationId;
  readonly projectId?: ProjectId | undefined;
  readonly name: string;
  readonly keyHash: string;
  readonly isAdmin?: boolean;
}

export function insertApiKey(db: Database, key: NewApiKey): Promise<ApiKeyRow> {
  return db
    .insertInto('api_keys')
    .values({
      user_id: key.userId,
      organization_id: key.organizationId ?? null,
      project_id: key.projectId ?? null,
      name: key.name,
      key_hash: key.keyHash,
      is_admin: key.isAdmin ?? false,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** A key and the name of who made it. */
export type ListedApiKey = ApiKeyRow & { readonly creator_name: string };

/** Lists the valid keys of an owner, newest first. */
export function listApiKeys(db: Database, owner: KeyOwner): Promise<ListedApiKey[]> {
  return db
    .selectFrom('api_keys')
    .innerJoin('users', 'users.id', 'api_keys.user_id')
    .selectAll('api_keys')
    .select('users.name as creator_name')
    .where(isOwnedBy(owner))
    .where('revoked_at', 'is', null)
    .orderBy('api_keys.id', 'desc')
    .execute();
}

/** @throws PgfleetError `api_key_not_found`. */
export async function revokeApiKey(db: Database, owner: KeyOwner, id: number): Promise<ApiKeyRow> {
  const key = await db
    .updateTable('api_keys')
    .set({ revoked_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where(isOwnedBy(owner))
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  if (!key) throw new PgfleetError('api_key_not_found');
  return key;
}

/** Finds the key that the first start made, unless it was revoked. */
export function findAdminKey(db: Database): Promise<ApiKeyRow | undefined> {
  return db
    .selectFrom('api_keys')
    .selectAll()
    .where('is_admin', '=', true)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
}

function isOwnedBy(owner: KeyOwner) {
  return 'userId' in owner
    ? sql<boolean>`api_keys.user_id = ${owner.userId} and api_keys.organization_id is null`
    : sql<boolean>`api_keys.organization_id = ${owner.organizationId}`;
}
