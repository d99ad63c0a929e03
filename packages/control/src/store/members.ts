import { PgfleetError } from '@pgfleet/contract';
import type { MemberRole, OrganizationId, UserId } from '@pgfleet/contract';
import { sql } from 'kysely';
import { lockOrganization } from './accounts.ts';
import type { Database } from './database.ts';
import type { MemberRow } from './schema.ts';

export type MemberSort = 'email' | 'role' | 'joined_at';

export interface MemberPage {
  readonly organizationId: OrganizationId;
  readonly sortBy: MemberSort;
  readonly order: 'asc' | 'desc';
  /** Where the page before ended. */
  readonly after?: { readonly id: string; readonly value: string } | undefined;
  readonly limit: number;
}

/** A member of a page with the value that it was sorted by. */
export type ListedMember = MemberRow & { readonly email: string; readonly sort_value: string };

/** Lists the members of an organization by address, role or time. */
export function listMembers(db: Database, page: MemberPage): Promise<ListedMember[]> {
  const { after, order, sortBy } = page;
  const column = sql.ref(sortBy === 'email' ? 'users.email' : `organization_members.${sortBy}`);
  const type = sql.raw(sortBy === 'joined_at' ? 'timestamptz' : 'text');
  const isBeyond = sql.raw(order === 'asc' ? '>' : '<');
  return db
    .selectFrom('organization_members')
    .innerJoin('users', 'users.id', 'organization_members.user_id')
    .selectAll('organization_members')
    .select(['users.email', sortValue(sortBy).as('sort_value')])
    .where('organization_id', '=', page.organizationId)
    .$if(after !== undefined, (qb) =>
      qb.where(
        sql<boolean>`(${column}, organization_members.id)
          ${isBeyond} (${after?.value}::${type}, ${after?.id}::uuid)`,
      ),
    )
    .orderBy(column, order)
    .orderBy('organization_members.id', order)
    .limit(page.limit)
    .execute();
}

/** @throws PgfleetError `member_not_found`. */
export async function getMember(
  db: Database,
  organizationId: OrganizationId,
  id: string,
): Promise<MemberRow> {
  const member = await db
    .selectFrom('organization_members')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
  if (!member) throw new PgfleetError('member_not_found');
  return member;
}

/** Gives a member another role. @throws PgfleetError `member_not_found`, `last_admin`. */
export async function setMemberRole(
  tx: Database,
  { organizationId, id }: { readonly organizationId: OrganizationId; readonly id: string },
  role: MemberRole,
): Promise<MemberRow> {
  const member = await lockMember(tx, organizationId, id);
  if (role !== 'admin') await requireAnotherAdmin(tx, member);
  return tx
    .updateTable('organization_members')
    .set({ role })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Ends a membership. @throws PgfleetError `member_not_found`, `last_admin`. */
export async function removeMember(
  tx: Database,
  { organizationId, id }: { readonly organizationId: OrganizationId; readonly id: string },
): Promise<void> {
  await requireAnotherAdmin(tx, await lockMember(tx, organizationId, id));
  await tx.deleteFrom('organization_members').where('id', '=', id).execute();
}

/** Makes a user a member; false for one who is. */
export async function insertMember(
  db: Database,
  member: {
    readonly user_id: UserId;
    readonly organization_id: OrganizationId;
    readonly role: MemberRole;
  },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows: count } = await db
    .insertInto('organization_members')
    .values(member)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirstOrThrow();
  return count !== undefined && count > 0n;
}

/**
 * A member, of whose organization no other is changed until the transaction ends: two admins who
 * remove each other must not both succeed.
 *
 * @throws PgfleetError `member_not_found`.
 */
export async function lockMember(
  tx: Database,
  organizationId: OrganizationId,
  id: string,
): Promise<MemberRow> {
  await lockOrganization(tx, organizationId);
  return getMember(tx, organizationId, id);
}

async function requireAnotherAdmin(db: Database, member: MemberRow): Promise<void> {
  const other = await db
    .selectFrom('organization_members')
    .select('id')
    .where('organization_id', '=', member.organization_id)
    .where('role', '=', 'admin')
    .where('id', '<>', member.id)
    .executeTakeFirst();
  if (member.role === 'admin' && !other) throw new PgfleetError('last_admin');
}

function sortValue(sortBy: MemberSort) {
  if (sortBy === 'email') return sql<string>`users.email`;
  if (sortBy === 'role') return sql<string>`organization_members.role`;
  return sql<string>`to_char(organization_members.joined_at at time zone 'utc',
    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
