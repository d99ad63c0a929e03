import { ConnectionUriQuery, PgfleetError } from '@pgfleet/contract';
import type { ProjectId } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { connectionUri } from '../../domain/addresses.ts';
import { getBranch, getDefaultBranch } from '../../store/branches.ts';
import type { Database } from '../../store/database.ts';
import { getEndpoint, listEndpoints } from '../../store/endpoints.ts';
import { getProject } from '../../store/projects.ts';
import { getDatabase, getRole } from '../../store/roles.ts';
import type { EndpointRow } from '../../store/schema.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { revealPassword } from '../role-secrets.ts';
import { ProjectParams } from './params.ts';

/** `GET /projects/{project_id}/connection_uri`. */
export function connectionUriRoute(app: FastifyInstance, context: ApiContext): void {
  const { db, installation, secrets } = context;
  app.get<{ Params: ProjectParams; Querystring: ConnectionUriQuery }>(
    '/projects/:project_id/connection_uri',
    { schema: { params: ProjectParams, querystring: ConnectionUriQuery } },
    async (request) => {
      const { query } = request;
      const principal = principalOf(request);
      const project = await getProject(db, request.params.project_id, {
        ...principal,
        right: 'edit',
      });
      const endpoint = await chooseEndpoint(db, project.id, query);
      const database = await getDatabase(db, endpoint.branch_id, query.database_name);
      const role = await getRole(db, endpoint.branch_id, query.role_name);
      const target = {
        id: endpoint.id,
        regionId: project.region_id,
        isPooled: query.pooled !== undefined && /^[1t]/i.test(query.pooled),
        role: role.name,
        password: revealPassword(role, secrets),
        database: database.name,
      };
      return { uri: connectionUri(target, installation) };
    },
  );
}

// The endpoint that is named, else the one for writing on the branch that is named or the default, else
// any that it has.
async function chooseEndpoint(
  db: Database,
  projectId: ProjectId,
  { endpoint_id: endpointId, branch_id: branchId }: ConnectionUriQuery,
): Promise<EndpointRow> {
  if (endpointId) {
    const endpoint = await getEndpoint(db, projectId, endpointId);
    if (branchId && endpoint.branch_id !== branchId) throw new PgfleetError('endpoint_not_found');
    return endpoint;
  }
  const branch = await (branchId
    ? getBranch(db, projectId, branchId)
    : getDefaultBranch(db, projectId));
  const endpoints = await listEndpoints(db, { projectId, branchId: branch.id });
  const chosen = endpoints.find(({ type }) => type === 'read_write') ?? endpoints[0];
  if (!chosen) throw new PgfleetError('endpoint_not_found');
  return chosen;
}
