import { MemberListQuery, MemberUpdateRequest } from '@pgfleet/contract';
import type { Member, MemberList, OrganizationId } from '@pgfleet/contract';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { requireOrganization } from '../../domain/principal.ts';
import type { Right } from '../../domain/principal.ts';
import { timestamp } from '../../domain/timestamps.ts';
import type { Database } from '../../store/database.ts';
import {
  getMember,
  listMembers,
  lockMember,
  removeMember,
  setMemberRole,
} from '../../store/members.ts';
import type { MemberSort } from '../../store/members.ts';
import type { MemberRow } from '../../store/schema.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { decodeListCursor, encodeListCursor } from '../list-cursor.ts';
import type { SortedList } from '../list-cursor.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import type { ReadObject } from '../objects.ts';
import { MemberParams, OrganizationParams } from './params.ts';

const memberPath = '/organizations/:org_id/members/:member_id';

const memberList: SortedList<MemberSort> = {
  idField: 'member_id',
  id: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  sorts: { email: 'text', role: 'text', joined_at: 'time' },
};

/** The members of an organization: whoever may look at its projects sees them, admins change them. */
export function memberRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db } = context;

  app.get<{ Params: OrganizationParams; Querystring: MemberListQuery }>(
    '/organizations/:org_id/members',
    { schema: { params: OrganizationParams, querystring: MemberListQuery } },
    async (request): Promise<MemberList> => {
      const { cursor, limit, sort_by: sortBy, sort_order: order } = request.query;
      const sorting = decodeListCursor(memberList, cursor) ?? { sortBy, order };
      const organizationId = organizationOf(request, 'view');
      const members = await listMembers(db, { organizationId, limit, ...sorting });
      const last = members.at(-1);
      return {
        members: members.map((member) => ({
          member: presentMember(member),
          user: { email: member.email },
        })),
        ...(last ? { pagination: encodeListCursor(memberList, last, sorting) } : {}),
      };
    },
  );

  app.get<{ Params: MemberParams }>(
    memberPath,
    { schema: { params: MemberParams } },
    async (request) => {
      const organizationId = organizationOf(request, 'view');
      return presentMember(await getMember(db, organizationId, request.params.member_id));
    },
  );

  app.patch<{ Params: MemberParams; Body: MemberUpdateRequest }>(
    memberPath,
    { schema: { params: MemberParams, body: MemberUpdateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const organizationId = organizationOf(request, 'manage');
        const { member_id: id } = request.params;
        const reread = memberObject(organizationId, id);
        await requireUnchanged(tx, request, reread);
        const member = await setMemberRole(tx, { organizationId, id }, request.body.role);
        return { status: 200, body: presentMember(member), reread };
      }),
  );

  app.delete<{ Params: MemberParams }>(
    memberPath,
    { schema: { params: MemberParams } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const organizationId = organizationOf(request, 'manage');
        const { member_id: id } = request.params;
        await requireUnchanged(tx, request, memberObject(organizationId, id));
        await removeMember(tx, { organizationId, id });
        return { status: 200, body: {} };
      }),
  );
}

function organizationOf(
  request: FastifyRequest<{ Params: OrganizationParams }>,
  right: Right,
): OrganizationId {
  return requireOrganization(principalOf(request), request.params.org_id, right);
}

function memberObject(organizationId: OrganizationId, id: string): ReadObject {
  return async (db) => presentMember(await getMember(db, organizationId, id));
}

async function requireUnchanged(
  tx: Database,
  request: FastifyRequest<{ Params: MemberParams }>,
  read: ReadObject,
): Promise<void> {
  const organizationId = organizationOf(request, 'manage');
  await lockMember(tx, organizationId, request.params.member_id);
  await requireMatch(request, () => read(tx));
}

function presentMember(member: MemberRow): Member {
  return {
    id: member.id,
    user_id: member.user_id,
    org_id: member.organization_id,
    role: member.role,
    joined_at: timestamp(member.joined_at),
  };
}
