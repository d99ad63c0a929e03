import {
  ApiKeyCreateRequest,
  OrganizationApiKeyCreateRequest,
  PgfleetError,
} from '@pgfleet/contract';
import { hashToken } from '@pgfleet/kit';
import type { FastifyInstance } from 'fastify';
import { newApiKey } from '../../domain/api-key.ts';
import { requireOrganization, requireUser } from '../../domain/principal.ts';
import type { Principal } from '../../domain/principal.ts';
import { insertApiKey, listApiKeys, revokeApiKey } from '../../store/api-keys.ts';
import type { KeyOwner, NewApiKey } from '../../store/api-keys.ts';
import type { Database } from '../../store/database.ts';
import { requireProjectOf } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { mutate } from '../mutation.ts';
import type { Answer } from '../mutation.ts';
import {
  presentCreatedApiKey,
  presentListedApiKey,
  presentRevokedApiKey,
} from '../present/present-api-key.ts';
import { ApiKeyParams, OrganizationApiKeyParams, OrganizationParams } from './params.ts';

const organizationKeys = '/organizations/:org_id/api_keys';

/** API keys of users. */
export function apiKeyRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get('/api_keys', async (request) => {
    const keys = await listApiKeys(context.db, userOf(principalOf(request)));
    return keys.map(presentListedApiKey);
  });

  app.post<{ Body: ApiKeyCreateRequest }>(
    '/api_keys',
    { schema: { body: ApiKeyCreateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, (tx) =>
        create(tx, { ...userOf(principalOf(request)), name: request.body.key_name }),
      ),
  );

  app.delete<{ Params: ApiKeyParams }>(
    '/api_keys/:key_id',
    { schema: { params: ApiKeyParams } },
    (request, reply) =>
      mutate(context, { request, reply }, (tx) =>
        revoke(tx, userOf(principalOf(request)), request.params.key_id),
      ),
  );
}

/** API keys of organizations, of single projects too: admins make and revoke them. */
export function organizationApiKeyRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Params: OrganizationParams }>(
    organizationKeys,
    { schema: { params: OrganizationParams } },
    async (request) => {
      const { org_id: wanted } = request.params;
      const organizationId = requireOrganization(principalOf(request), wanted, 'view');
      const keys = await listApiKeys(context.db, { organizationId });
      return keys.map(presentListedApiKey);
    },
  );

  app.post<{ Params: OrganizationParams; Body: OrganizationApiKeyCreateRequest }>(
    organizationKeys,
    { schema: { params: OrganizationParams, body: OrganizationApiKeyCreateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const principal = principalOf(request);
        const { key_name: name, project_id: wanted } = request.body;
        const organizationId = requireOrganization(principal, request.params.org_id, 'manage');
        const projectId =
          wanted === undefined ? undefined : await requireProjectOf(tx, organizationId, wanted);
        return create(tx, { userId: principal.userId, organizationId, projectId, name });
      }),
  );

  app.delete<{ Params: OrganizationApiKeyParams }>(
    `${organizationKeys}/:key_id`,
    { schema: { params: OrganizationApiKeyParams } },
    (request, reply) =>
      mutate(context, { request, reply }, (tx) => {
        const { org_id: wanted, key_id: keyId } = request.params;
        const organizationId = requireOrganization(principalOf(request), wanted, 'manage');
        return revoke(tx, { organizationId }, keyId);
      }),
  );
}

function userOf(principal: Principal): Pick<Principal, 'userId'> {
  requireUser(principal);
  return { userId: principal.userId };
}

async function create(tx: Database, wish: Omit<NewApiKey, 'keyHash'>): Promise<Answer> {
  const key = newApiKey();
  const row = await insertApiKey(tx, { ...wish, keyHash: hashToken(key) });
  return { status: 200, body: presentCreatedApiKey(row, key) };
}

async function revoke(tx: Database, owner: KeyOwner, keyId: string): Promise<Answer> {
  if (!/^\d{1,15}$/.test(keyId)) throw new PgfleetError('api_key_not_found');
  const row = await revokeApiKey(tx, owner, Number(keyId));
  return { status: 200, body: presentRevokedApiKey(row) };
}
