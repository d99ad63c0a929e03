import type { OrganizationId, UserId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { ApiKeyRow, OrganizationRow, UserRow } from './schema.ts';

/** Whom a request comes from: a user's key gives access to all organizations of the user. */
export interface Principal {
  readonly apiKeyId: number;
  readonly userId: UserId;
  readonly organizationIds: readonly OrganizationId[];
}

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
    select k.id as "apiKeyId", k.user_id as "userId",
      array(select organization_id from organization_members m
        where m.user_id = k.user_id order by organization_id) as "organizationIds"
    from api_keys k
    where k.key_hash = ${keyHash} and k.revoked_at is null`.execute(db);
  return rows[0];
}

export function getUser(db: Database, id: UserId): Promise<UserRow> {
  return db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

export function listOrganizations(
  db: Database,
  ids: readonly OrganizationId[],
): Promise<OrganizationRow[]> {
  return db
    .selectFrom('organizations')
    .selectAll()
    .where(sql<boolean>`id = any(${[...ids]})`)
    .orderBy('id')
    .execute();
}

export interface NewApiKey {
  readonly userId: UserId;
  readonly name: string;
  readonly keyHash: string;
  readonly isAdmin?: boolean;
}

export function insertApiKey(db: Database, key: NewApiKey): Promise<ApiKeyRow> {
  return db
    .insertInto('api_keys')
    .values({
      user_id: key.userId,
      name: key.name,
      key_hash: key.keyHash,
      is_admin: key.isAdmin ?? false,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Lists the valid keys of a user, newest first. */
export function listApiKeys(db: Database, userId: UserId): Promise<ApiKeyRow[]> {
  return db
    .selectFrom('api_keys')
    .selectAll()
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .orderBy('id', 'desc')
    .execute();
}

/** @throws PgfleetError `api_key_not_found`. */
export async function revokeApiKey(db: Database, userId: UserId, id: number): Promise<ApiKeyRow> {
  const key = await db
    .updateTable('api_keys')
    .set({ revoked_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  if (!key) throw new PgfleetError('api_key_not_found');
  return key;
}

export interface NewAccount {
  readonly organizationId: OrganizationId;
  readonly organizationName: string;
  readonly userId: UserId;
  readonly userName: string;
  readonly email: string;
}

/** Inserts an organization and a user who belongs to it. */
export async function insertAccount(db: Database, account: NewAccount): Promise<void> {
  await db
    .with('organization', (qb) =>
      qb
        .insertInto('organizations')
        .values({ id: account.organizationId, name: account.organizationName }),
    )
    .with('member', (qb) =>
      qb
        .insertInto('organization_members')
        .values({ user_id: account.userId, organization_id: account.organizationId }),
    )
    .insertInto('users')
    .values({ id: account.userId, name: account.userName, email: account.email })
    .execute();
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
