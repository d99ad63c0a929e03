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

export interface NewAccount {
  readonly organizationId: OrganizationId;
  readonly organizationName: string;
  readonly userId: UserId;
  readonly userName: string;
  readonly email: string;
  /** Whether the user runs the installation. */
  readonly isOperator?: boolean;
}

/** Inserts an organization and a user who is its admin. */
export async function insertAccount(db: Database, account: NewAccount): Promise<void> {
  await db
    .with('organization', (qb) =>
      qb
        .insertInto('organizations')
        .values({ id: account.organizationId, name: account.organizationName }),
    )
    .with('member', (qb) =>
      qb.insertInto('organization_members').values({
        user_id: account.userId,
        organization_id: account.organizationId,
        role: 'admin',
      }),
    )
    .insertInto('users')
    .values({
      id: account.userId,
      name: account.userName,
      email: account.email,
      is_operator: account.isOperator ?? false,
    })
    .execute();
}
