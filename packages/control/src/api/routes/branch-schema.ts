import { PgfleetError, SchemaCompareQuery, SchemaQuery } from '@pgfleet/contract';
import type {
  BranchSchemaResponse,
  PointInTime,
  SchemaComparison,
  SchemaRequest,
} from '@pgfleet/contract';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { pointInTime } from '../../domain/point-in-time.ts';
import { unifiedDiff } from '../../domain/unified-diff.ts';
import { getBranch } from '../../store/branches.ts';
import type { BranchDetails } from '../../store/branches.ts';
import { getProject } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { hostOfBranch } from '../branch-at-host.ts';
import { hangUpSignal } from '../hang-up.ts';
import { BranchParams } from './params.ts';

const branchPath = '/projects/:project_id/branches/:branch_id';

/** The definitions of a database's objects, and how those of two branches differ. */
export function branchSchemaRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Params: BranchParams; Querystring: SchemaQuery }>(
    `${branchPath}/schema`,
    { schema: { params: BranchParams, querystring: SchemaQuery } },
    async (request, reply): Promise<BranchSchemaResponse> => {
      const { db_name: database, format } = request.query;
      const at = pointInTime(request.query);
      const branch = await branchOf(request, request.params.branch_id, context);
      const wanted = { database, at, format };
      return readSchema({ branch, wanted, signal: hangUpSignal(reply) }, context);
    },
  );

  app.get<{ Params: BranchParams; Querystring: SchemaCompareQuery }>(
    `${branchPath}/compare_schema`,
    { schema: { params: BranchParams, querystring: SchemaCompareQuery } },
    async (request, reply): Promise<SchemaComparison> => {
      const { db_name: database, base_lsn: lsn, base_timestamp: timestamp } = request.query;
      const at = pointInTime(request.query);
      const baseAt = pointInTime({ lsn, timestamp }, 'base_');
      const branch = await branchOf(request, request.params.branch_id, context);
      const base = await branchOf(request, baseOf(branch, request.query), context);
      const signal = hangUpSignal(reply);
      const sqlOf = (of: BranchDetails, point: PointInTime) =>
        readSql({ branch: of, wanted: { database, at: point }, signal }, context);
      const [before, after] = await Promise.all([sqlOf(base, baseAt), sqlOf(branch, at)]);
      return { diff: unifiedDiff({ name: database, before, after }) };
    },
  );
}

interface SchemaOf {
  readonly branch: BranchDetails;
  readonly wanted: SchemaRequest;
  readonly signal: AbortSignal;
}

async function readSchema(
  { branch, wanted, signal }: SchemaOf,
  context: ApiContext,
): Promise<BranchSchemaResponse> {
  const host = await hostOfBranch(branch, context);
  const { sql, json } = await host.schema(branch.timeline_id, wanted, { signal });
  if (wanted.format === 'json' && json) return { json };
  if (wanted.format !== 'json' && sql !== undefined) return { sql };
  throw new PgfleetError('not_implemented', {
    message: `the host of this branch cannot give its schema as ${wanted.format ?? 'sql'}`,
  });
}

async function readSql(of: SchemaOf, context: ApiContext): Promise<string> {
  const { sql = '' } = await readSchema(of, context);
  return sql;
}

function baseOf(branch: BranchDetails, query: SchemaCompareQuery): string {
  const base = query.base_branch_id ?? branch.parent_id;
  if (base !== null) return base;
  throw new PgfleetError('invalid_request', {
    message: 'invalid request: base_branch_id is required, since this branch has no parent',
  });
}

async function branchOf(
  request: FastifyRequest<{ Params: BranchParams }>,
  branchId: string,
  { db }: ApiContext,
): Promise<BranchDetails> {
  const principal = principalOf(request);
  const project = await getProject(db, request.params.project_id, principal);
  return getBranch(db, project.id, branchId);
}
