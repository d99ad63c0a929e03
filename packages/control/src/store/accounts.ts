import { PgfleetError } from '@pgfleet/contract';
import type { OrganizationId, UserId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Principal } from '../domain/principal.ts';
import type { Database } from './database.ts';
import type { OrganizationRow, UserRow } from './schema.ts';

export function getUser(db: Database, id: UserId): Promise<UserRow> {
  return db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

/** Lists the organizations that somebody belongs to. */
export function listOrganizations(
  db: Database,
  { memberships }: Pick<Principal, 'memberships'>,
): Promise<OrganizationRow[]> {
  const ids = memberships.map(({ organizationId }) => organizationId);
  return db
    .selectFrom('organizations')
    .selectAll()
    .where(sql<boolean>`id = any(${ids})`)
    .orderBy('id')
    .execute();
}

export function getOrganization(db: Database, id: OrganizationId): Promise<OrganizationRow> {
  return db.selectFrom('organizations').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

/** Locks an organization until the transaction ends. */
export async function lockOrganization(tx: Database, id: OrganizationId): Promise<void> {
  await tx.selectFrom('organizations').select('id').where('id', '=', id).forNoKeyUpdate().execute();
}

/** Notes the most that an organization means to spend in a month; null for no limit. */
export async function setSpendingLimit(
  db: Database,
  id: OrganizationId,
  cents: number | null,
): Promise<void> {
  await db
    .updateTable('organizations')
    .set({ spending_limit_cents: cents, updated_at: sql<Date>`now()` })
    .where('id', '=', id)
    .execute();
}

export interface NewUser {
  readonly id: UserId;
  readonly name: string;
  readonly email: string;
  /** Whether the user runs the installation. */
  readonly isOperator?: boolean;
}

/** @throws PgfleetError `name_taken` when another user has the address. */
export async function insertUser(db: Database, user: NewUser): Promise<void> {
  const row = await db
    .insertInto('users')
    .values({
      id: user.id,
      name: user.name,
      email: user.email,
      is_operator: user.isOperator ?? false,
    })
    .onConflict((oc) => oc.doNothing())
    .returning('id')
    .executeTakeFirst();
  if (row) return;
  throw new PgfleetError('name_taken', { message: 'user with the same email already exists' });
}

/** Inserts an organization with its first admin. */
export async function insertOrganization(
  db: Database,
  wish: { readonly id: OrganizationId; readonly name: string; readonly adminId: UserId },
): Promise<OrganizationRow> {
  const organization = await db
    .insertInto('organizations')
    .values({ id: wish.id, name: wish.name })
    .returningAll()
    .executeTakeFirstOrThrow();
  await db
    .insertInto('organization_members')
    .values({ user_id: wish.adminId, organization_id: wish.id, role: 'admin' })
    .execute();
  return organization;
}
