import { InvitationsCreateRequest } from '@pgfleet/contract';
import type { Invitation } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { requireOrganization } from '../../domain/principal.ts';
import { timestamp } from '../../domain/timestamps.ts';
import { invite, listInvitations } from '../../store/invitations.ts';
import type { InvitationRow } from '../../store/schema.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { mutate } from '../mutation.ts';
import { OrganizationParams } from './params.ts';

const path = '/organizations/:org_id/invitations';

/** Invitations to an organization. No mail is sent. */
export function invitationRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Params: OrganizationParams }>(
    path,
    { schema: { params: OrganizationParams } },
    async (request) => {
      const { org_id: wanted } = request.params;
      const organizationId = requireOrganization(principalOf(request), wanted, 'view');
      const invitations = await listInvitations(context.db, organizationId);
      return { invitations: invitations.map(presentInvitation) };
    },
  );

  app.post<{ Params: OrganizationParams; Body: InvitationsCreateRequest }>(
    path,
    { schema: { params: OrganizationParams, body: InvitationsCreateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const organizationId = requireOrganization(principal, request.params.org_id, 'manage');
        const invitations: Invitation[] = [];
        for (const wish of request.body.invitations) {
          const row = await invite(tx, { ...wish, organizationId, invitedBy: principal.userId });
          invitations.push(presentInvitation(row));
        }
        return { status: 200, body: { invitations } };
      }),
  );
}

function presentInvitation(row: InvitationRow): Invitation {
  return {
    id: row.id,
    email: row.email,
    org_id: row.organization_id,
    invited_by: row.invited_by,
    invited_at: timestamp(row.invited_at),
    role: row.role,
  };
}
