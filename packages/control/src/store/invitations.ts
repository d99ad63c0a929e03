import { PgfleetError } from '@pgfleet/contract';
import type { MemberRole, OrganizationId, UserId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { insertMember } from './members.ts';
import type { InvitationRow } from './schema.ts';

/** The contract pages no invitations. */
const MAX_LISTED = 1000;

/** Lists the invitations of an organization, open and accepted ones, newest first. */
export function listInvitations(
  db: Database,
  organizationId: OrganizationId,
): Promise<InvitationRow[]> {
  return db
    .selectFrom('organization_invitations')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .orderBy('invited_at', 'desc')
    .orderBy('id')
    .limit(MAX_LISTED)
    .execute();
}

export interface NewInvitation {
  readonly organizationId: OrganizationId;
  readonly email: string;
  readonly role: MemberRole;
  readonly invitedBy: UserId;
}

/**
 * Invites somebody: a user becomes a member at once, anybody else when there is such a user. An
 * invitation that is still open is renewed.
 *
 * @throws PgfleetError `name_taken` for a member.
 */
export async function invite(tx: Database, wish: NewInvitation): Promise<InvitationRow> {
  const email = wish.email.toLowerCase();
  const user = await tx
    .selectFrom('users')
    .select('id')
    .where(sql<boolean>`lower(email) = ${email}`)
    .executeTakeFirst();
  if (user) await join(tx, user.id, { ...wish, email });
  const values = {
    organization_id: wish.organizationId,
    email,
    role: wish.role,
    invited_by: wish.invitedBy,
  };
  return tx
    .insertInto('organization_invitations')
    .values({ ...values, accepted_at: user ? sql<Date>`now()` : null })
    .onConflict((oc) =>
      oc
        .columns(['email', 'organization_id'])
        .where('accepted_at', 'is', null)
        .doUpdateSet({ ...values, invited_at: sql<Date>`now()` }),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Makes a new user a member of every organization that has invited the user's address. */
export async function acceptInvitations(
  tx: Database,
  { id, email }: { readonly id: UserId; readonly email: string },
): Promise<void> {
  await tx
    .with('accepted', (qb) =>
      qb
        .updateTable('organization_invitations')
        .set({ accepted_at: sql<Date>`now()` })
        .where('email', '=', email.toLowerCase())
        .where('accepted_at', 'is', null)
        .returning(['organization_id', 'role']),
    )
    .insertInto('organization_members')
    .columns(['user_id', 'organization_id', 'role'])
    .expression((eb) =>
      eb
        .selectFrom('accepted')
        .select([sql<UserId>`${id}::uuid`.as('user_id'), 'organization_id', 'role']),
    )
    .execute();
}

async function join(
  tx: Database,
  userId: UserId,
  { organizationId, role, email }: NewInvitation,
): Promise<void> {
  const member = { user_id: userId, organization_id: organizationId, role };
  if (await insertMember(tx, member)) return;
  throw new PgfleetError('name_taken', {
    message: `${email} is a member of this organization already`,
  });
}
