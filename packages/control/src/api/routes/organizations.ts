import type { Organization } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { requireOrganization } from '../../domain/principal.ts';
import { getOrganization } from '../../store/accounts.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { presentOrganization } from '../present/present-account.ts';
import { OrganizationParams } from './params.ts';

/** Organizations themselves. */
export function organizationRoutes(app: FastifyInstance, { db }: ApiContext): void {
  app.get<{ Params: OrganizationParams }>(
    '/organizations/:org_id',
    { schema: { params: OrganizationParams } },
    async (request): Promise<Organization> => {
      const id = requireOrganization(principalOf(request), request.params.org_id, null);
      return presentOrganization(await getOrganization(db, id));
    },
  );
}
