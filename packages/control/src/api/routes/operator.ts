import { randomUUID } from 'node:crypto';
import {
  newOrganizationId,
  OrganizationCreateRequest,
  PgfleetError,
  UserCreateRequest,
} from '@pgfleet/contract';
import type { UserId } from '@pgfleet/contract';
import { hashToken } from '@pgfleet/kit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { newApiKey } from '../../domain/api-key.ts';
import type { Principal } from '../../domain/principal.ts';
import { insertOrganization, insertUser } from '../../store/accounts.ts';
import { insertApiKey } from '../../store/api-keys.ts';
import { acceptInvitations } from '../../store/invitations.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { mutate } from '../mutation.ts';
import { presentOrganization } from '../present/present-account.ts';
import { presentCreatedApiKey } from '../present/present-api-key.ts';

/** What the contract leaves to a web page: operators make users and organizations. */
export function operatorRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Body: UserCreateRequest }>(
    '/pgfleet/users',
    { schema: { body: UserCreateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        requireOperator(request);
        const { email, name } = request.body;
        const id = randomUUID() as UserId;
        await insertUser(tx, { id, name, email });
        await acceptInvitations(tx, { id, email });
        const key = newApiKey();
        const row = await insertApiKey(tx, { userId: id, name: 'first', keyHash: hashToken(key) });
        const body = { user: { id, email, name }, api_key: presentCreatedApiKey(row, key) };
        return { status: 201, body };
      }),
  );

  app.post<{ Body: OrganizationCreateRequest }>(
    '/pgfleet/organizations',
    { schema: { body: OrganizationCreateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const { userId } = requireOperator(request);
        const { name } = request.body;
        const organization = await insertOrganization(tx, {
          id: newOrganizationId(),
          name,
          adminId: userId,
        });
        return { status: 201, body: { organization: presentOrganization(organization) } };
      }),
  );
}

function requireOperator(request: FastifyRequest): Principal {
  const principal = principalOf(request);
  if (principal.isOperator) return principal;
  throw new PgfleetError('forbidden', { message: 'only for operators of the installation' });
}
