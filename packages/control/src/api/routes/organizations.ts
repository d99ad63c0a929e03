import type { Organization } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { requireOrganization } from '../../domain/principal.ts';
import { getOrganization } from '../../store/accounts.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { presentOrganization } from '../present/present-account.ts';
import { organizationApiKeyRoutes } from './api-keys.ts';
import { invitationRoutes } from './invitations.ts';
import { memberRoutes } from './members.ts';
import { OrganizationParams } from './params.ts';
import { spendingLimitRoutes } from './spending-limit.ts';
import { transferRoutes } from './transfers.ts';

/** Organizations: themselves, their keys, their members, their projects, what they mean to spend. */
export function organizationRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db } = context;
  organizationApiKeyRoutes(app, context);
  memberRoutes(app, context);
  invitationRoutes(app, context);
  spendingLimitRoutes(app, context);
  transferRoutes(app, context);

  app.get<{ Params: OrganizationParams }>(
    '/organizations/:org_id',
    { schema: { params: OrganizationParams } },
    async (request): Promise<Organization> => {
      const id = requireOrganization(principalOf(request), request.params.org_id, null);
      return presentOrganization(await getOrganization(db, id));
    },
  );
}
