import { ApiKeyCreateRequest, PgfleetError } from '@pgfleet/contract';
import type { CreatedApiKey, RevokedApiKey } from '@pgfleet/contract';
import { hashToken } from '@pgfleet/kit';
import type { FastifyInstance } from 'fastify';
import { newApiKey } from '../../domain/api-key.ts';
import { regionInfo } from '../../domain/regions.ts';
import { timestamp } from '../../domain/timestamps.ts';
import {
  getUser,
  insertApiKey,
  listApiKeys,
  listOrganizations,
  revokeApiKey,
} from '../../store/accounts.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { mutate } from '../mutation.ts';
import {
  presentListedApiKey,
  presentOrganization,
  presentUser,
} from '../present/present-account.ts';
import { ApiKeyParams } from './params.ts';

/** Who one is and what one may see: users, organizations, regions. */
export function accountRoutes(app: FastifyInstance, { db, installation }: ApiContext): void {
  app.get('/users/me', async (request) =>
    presentUser(await getUser(db, principalOf(request).userId)),
  );

  app.get('/users/me/organizations', async (request) => {
    const organizations = await listOrganizations(db, principalOf(request).organizationIds);
    return { organizations: organizations.map(presentOrganization) };
  });

  app.get('/auth', (request) => {
    const { userId, apiKeyId } = principalOf(request);
    return { account_id: userId, auth_method: 'api_key_user', auth_data: String(apiKeyId) };
  });

  app.get('/regions', () => ({
    regions: installation.regionIds.map((id, index) => regionInfo(id, index === 0)),
  }));
}

/** API keys of the user. */
export function apiKeyRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get('/api_keys', async (request) => {
    const { userId } = principalOf(request);
    const user = await getUser(context.db, userId);
    const keys = await listApiKeys(context.db, userId);
    return keys.map((key) => presentListedApiKey(key, user));
  });

  app.post<{ Body: ApiKeyCreateRequest }>(
    '/api_keys',
    { schema: { body: ApiKeyCreateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const { userId } = principalOf(request);
        const key = newApiKey();
        const row = { userId, name: request.body.key_name, keyHash: hashToken(key) };
        const { id, name, created_at: at } = await insertApiKey(tx, row);
        const body: CreatedApiKey = {
          id,
          key,
          name,
          created_at: timestamp(at),
          created_by: userId,
        };
        return { status: 200, body };
      }),
  );

  app.delete<{ Params: ApiKeyParams }>(
    '/api_keys/:key_id',
    { schema: { params: ApiKeyParams } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const { key_id: keyId } = request.params;
        if (!/^\d{1,15}$/.test(keyId)) throw new PgfleetError('api_key_not_found');
        const row = await revokeApiKey(tx, principalOf(request).userId, Number(keyId));
        const body: RevokedApiKey = {
          id: row.id,
          name: row.name,
          created_at: timestamp(row.created_at),
          created_by: row.user_id,
          last_used_at: row.last_used_at && timestamp(row.last_used_at),
          last_used_from_addr: row.last_used_from_addr,
          revoked: true,
        };
        return { status: 200, body };
      }),
  );
}
