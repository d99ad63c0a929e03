import { JwksCreateRequest } from '@pgfleet/contract';
import type { CreatedJwks, Jwks } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { invalidField } from '../../domain/invalid-request.ts';
import { timestamp } from '../../domain/timestamps.ts';
import { getBranch } from '../../store/branches.ts';
import { deleteJwks, insertJwks, listJwks } from '../../store/jwks.ts';
import { getProject, lockProject } from '../../store/projects.ts';
import type { JwksRow } from '../../store/schema.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { mutate } from '../mutation.ts';
import { JwksParams, ProjectParams } from './params.ts';

const path = '/projects/:project_id/jwks';

/** Where keys are published that sign tokens. They are kept and shown; nothing accepts tokens yet. */
export function jwksRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Params: ProjectParams }>(
    path,
    { schema: { params: ProjectParams } },
    async (request) => {
      const { id } = await getProject(context.db, request.params.project_id, principalOf(request));
      const rows = await listJwks(context.db, id);
      return { jwks: rows.map(presentJwks) };
    },
  );

  app.post<{ Params: ProjectParams; Body: JwksCreateRequest }>(
    path,
    { schema: { params: ProjectParams, body: JwksCreateRequest } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const { branch_id: branchId, role_names: roleNames, ...rest } = request.body;
        requireSafeUrl(rest.jwks_url);
        const { id } = await lockProject(tx, request.params.project_id, principalOf(request));
        const branch = branchId === undefined ? undefined : await getBranch(tx, id, branchId);
        const row = await insertJwks(tx, {
          ...rest,
          project_id: id,
          branch_id: branch?.id ?? null,
          role_names: roleNames ? JSON.stringify(roleNames) : null,
        });
        const body: CreatedJwks = { jwks: presentJwks(row), operations: [] };
        return { status: 201, body };
      }),
  );

  app.delete<{ Params: JwksParams }>(
    `${path}/:jwks_id`,
    { schema: { params: JwksParams } },
    (request, reply) =>
      mutate(context, { request, reply }, async (tx) => {
        const { project_id: projectId, jwks_id: jwksId } = request.params;
        const { id } = await lockProject(tx, projectId, principalOf(request));
        return { status: 200, body: presentJwks(await deleteJwks(tx, id, jwksId)) };
      }),
  );
}

function requireSafeUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.username === '' && url.password === '') return;
  throw invalidField('jwks_url', 'must be an https URL without credentials');
}

function presentJwks(row: JwksRow): Jwks {
  return {
    id: row.id,
    project_id: row.project_id,
    ...(row.branch_id === null ? {} : { branch_id: row.branch_id }),
    jwks_url: row.jwks_url,
    provider_name: row.provider_name,
    created_at: timestamp(row.created_at),
    updated_at: timestamp(row.updated_at),
    ...(row.jwt_audience === null ? {} : { jwt_audience: row.jwt_audience }),
    ...(row.role_names === null ? {} : { role_names: row.role_names }),
  };
}
