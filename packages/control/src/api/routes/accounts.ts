import { RegionListQuery } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { requireOrganization, requireUser } from '../../domain/principal.ts';
import type { Principal } from '../../domain/principal.ts';
import { regionInfo } from '../../domain/regions.ts';
import { getUser, listOrganizations } from '../../store/accounts.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { presentOrganization, presentUser } from '../present/present-account.ts';

/** Who one is, and where one may have projects. */
export function accountRoutes(app: FastifyInstance, { db, installation }: ApiContext): void {
  app.get('/users/me', async (request) => {
    const principal = principalOf(request);
    requireUser(principal);
    return presentUser(await getUser(db, principal.userId));
  });

  app.get('/users/me/organizations', async (request) => {
    const organizations = await listOrganizations(db, principalOf(request));
    return { organizations: organizations.map(presentOrganization) };
  });

  app.get('/auth', (request) => presentAuthentication(principalOf(request)));

  app.get<{ Querystring: RegionListQuery }>(
    '/regions',
    { schema: { querystring: RegionListQuery } },
    (request) => {
      const { org_id: organizationId } = request.query;
      const principal = principalOf(request);
      if (organizationId === undefined) requireUser(principal);
      else requireOrganization(principal, organizationId, null);
      return {
        regions: installation.regionIds.map((id, index) => regionInfo(id, index === 0)),
      };
    },
  );
}

function presentAuthentication({ subject, userId, apiKeyId, memberships }: Principal) {
  const isUser = subject === 'user';
  return {
    account_id: isUser ? userId : memberships[0]?.organizationId,
    auth_method: isUser ? 'api_key_user' : 'api_key_org',
    auth_data: String(apiKeyId),
  };
}
