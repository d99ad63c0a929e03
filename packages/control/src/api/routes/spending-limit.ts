import { SpendingLimitUpdateRequest } from '@pgfleet/contract';
import type { OrganizationId } from '@pgfleet/contract';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { requireOrganization } from '../../domain/principal.ts';
import { getOrganization, lockOrganization, setSpendingLimit } from '../../store/accounts.ts';
import type { Database } from '../../store/database.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import { spendingLimitObject } from '../objects.ts';
import { OrganizationParams } from './params.ts';

const path = '/organizations/:org_id/billing/spending_limit';

/** The most that an organization means to spend: a number to be kept, without effect. */
export function spendingLimitRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Params: OrganizationParams }>(
    path,
    { schema: { params: OrganizationParams } },
    async (request) => {
      const id = requireOrganization(principalOf(request), request.params.org_id, 'view');
      const { spending_limit_cents: cents } = await getOrganization(context.db, id);
      return { spending_limit_cents: cents };
    },
  );

  app.put<{ Params: OrganizationParams; Body: SpendingLimitUpdateRequest }>(
    path,
    { schema: { params: OrganizationParams, body: SpendingLimitUpdateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const id = requireOrganization(principalOf(request), request.params.org_id, 'manage');
        const { spending_limit_cents: cents } = request.body;
        await requireUnchanged(tx, request, id);
        await setSpendingLimit(tx, id, cents);
        const reread = spendingLimitObject(id);
        return { status: 200, body: { spending_limit_cents: cents }, reread };
      }),
  );

  app.delete<{ Params: OrganizationParams }>(
    path,
    { schema: { params: OrganizationParams } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const id = requireOrganization(principalOf(request), request.params.org_id, 'manage');
        await requireUnchanged(tx, request, id);
        await setSpendingLimit(tx, id, null);
        return { status: 200, body: {} };
      }),
  );
}

async function requireUnchanged(
  tx: Database,
  request: FastifyRequest,
  id: OrganizationId,
): Promise<void> {
  await lockOrganization(tx, id);
  await requireMatch(request, () => spendingLimitObject(id)(tx));
}
