import {
  BranchAnonymizedCreateRequest,
  MaskingRulesUpdateRequest,
  PgfleetError,
} from '@pgfleet/contract';
import type {
  AnonymizedBranchStatus,
  MaskingRule,
  MaskingRules,
  ProjectId,
} from '@pgfleet/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { planMasking, requireMaskingRules } from '../../domain/anonymize-branch.ts';
import { requireReady } from '../../domain/branch-rules.ts';
import { invalidField } from '../../domain/invalid-request.ts';
import { startOperations } from '../../domain/new-operation.ts';
import type { ProjectRight } from '../../domain/principal.ts';
import {
  getAnonymization,
  setResetting,
  startAnonymization,
  updateMaskingRules,
} from '../../store/anonymized-branches.ts';
import { getBranch } from '../../store/branches.ts';
import type { BranchDetails } from '../../store/branches.ts';
import type { Database } from '../../store/database.ts';
import { listEndpoints } from '../../store/endpoints.ts';
import { insertOperations, listUnfinishedOf } from '../../store/operations.ts';
import { getProject, lockProject } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { hostOfBranch } from '../branch-at-host.ts';
import { findParentPoint, makeBranch } from '../make-branch.ts';
import type { BranchWish } from '../make-branch.ts';
import { requireMatch } from '../etag.ts';
import { mutatePrepared } from '../mutation.ts';
import type { Answer, UnnamedOperations } from '../mutation.ts';
import { maskingRulesObject } from '../objects.ts';
import { presentAnonymization } from '../present/present-anonymization.ts';
import { BranchParams, ProjectParams } from './params.ts';

const HOST_PATIENCE_MS = 20_000;

const branchPath = '/projects/:project_id/branches/:branch_id';

/** Branches whose data is masked before anybody sees it: making them, their rules, masking. */
export function anonymizedBranchRoutes(app: FastifyInstance, context: ApiContext): void {
  createRoute(app, context);
  rulesRoutes(app, context);

  app.get<{ Params: BranchParams }>(
    `${branchPath}/anonymized_status`,
    { schema: { params: BranchParams } },
    async (request): Promise<AnonymizedBranchStatus> => {
      const branch = await readBranch(request, context);
      return presentAnonymization(branch, await getAnonymization(context.db, branch.id));
    },
  );

  app.post<{ Params: BranchParams }>(
    `${branchPath}/anonymize`,
    { schema: { params: BranchParams } },
    (request, reply) =>
      changing(
        context,
        { request, reply },
        {
          prepare: async () => undefined,
          change: async (tx, branch) => {
            await start(tx, branch, principalOf(request).userId);
            return { status: 200, body: await readStatus(tx, request.params) };
          },
          unnamed: {
            list: (db) =>
              listUnfinishedOf(db, {
                projectId: request.params.project_id,
                branchId: request.params.branch_id,
              }),
            answer: (db) => readStatus(db, request.params),
          },
        },
      ),
  );
}

async function readStatus(
  db: Database,
  { project_id: projectId, branch_id: branchId }: BranchParams,
): Promise<AnonymizedBranchStatus> {
  const branch = await getBranch(db, projectId as ProjectId, branchId);
  return presentAnonymization(branch, await getAnonymization(db, branch.id));
}

function createRoute(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Params: ProjectParams; Body: BranchAnonymizedCreateRequest }>(
    '/projects/:project_id/branch_anonymized',
    { schema: { params: ProjectParams, body: BranchAnonymizedCreateRequest } },
    (request, reply) => {
      const wish = {
        projectId: request.params.project_id,
        principal: principalOf(request),
        ...wishOf(request.body),
      };
      return mutatePrepared(
        context,
        { request, reply },
        {
          prepare: () => findParentPoint(context, wish),
          change: async (tx, point) => ({
            status: 201,
            body: await makeBranch(tx, { wish, point }, context),
          }),
        },
      );
    },
  );
}

// Such a branch is there to be connected to, so it gets an endpoint unless it is said otherwise.
function wishOf(
  request: BranchAnonymizedCreateRequest,
): Required<Pick<BranchWish, 'body' | 'anonymization'>> {
  const { masking_rules: rules = [], start_anonymization: isStarted = false } = request;
  const body = { endpoints: [{ type: 'read_write' as const }], ...request.branch_create };
  requireMaskingRules(rules);
  if (body.branch?.init_source === 'schema-only') {
    throw invalidField('branch_create.branch.init_source', 'there would be no data to be masked');
  }
  return { body, anonymization: { rules, isStarted } };
}

function rulesRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Params: BranchParams }>(
    `${branchPath}/masking_rules`,
    { schema: { params: BranchParams } },
    async (request): Promise<MaskingRules> => {
      const branch = await readBranch(request, context);
      const { rules } = await getAnonymization(context.db, branch.id);
      return { masking_rules: rules };
    },
  );

  app.patch<{ Params: BranchParams; Body: MaskingRulesUpdateRequest }>(
    `${branchPath}/masking_rules`,
    { schema: { params: BranchParams, body: MaskingRulesUpdateRequest } },
    (request, reply) => {
      const { masking_rules: rules } = request.body;
      return changing(
        context,
        { request, reply },
        {
          prepare: () => checkRules(request, rules, context),
          change: async (tx, branch): Promise<Answer> => {
            const reread = maskingRulesObject(branch.id);
            await requireMatch(request, () => reread(tx));
            await updateMaskingRules(tx, branch.id, rules);
            return { status: 200, body: { masking_rules: rules }, reread };
          },
        },
      );
    },
  );
}

interface Http {
  readonly request: FastifyRequest<{ Params: BranchParams }>;
  readonly reply: FastifyReply;
}

function changing(
  context: ApiContext,
  http: Http,
  {
    prepare,
    change,
    unnamed,
  }: {
    readonly prepare: () => Promise<void>;
    readonly change: (tx: Database, branch: BranchDetails) => Promise<Answer>;
    readonly unnamed?: UnnamedOperations;
  },
): Promise<FastifyReply> {
  const { project_id: projectId, branch_id: branchId } = http.request.params;
  return mutatePrepared(context, http, {
    prepare,
    change: async (tx) => {
      const project = await lockProject(tx, projectId, principalOf(http.request));
      const branch = await getBranch(tx, project.id, branchId);
      return change(tx, branch);
    },
    ...(unnamed && { unnamed }),
  });
}

// While a branch is being made or masked its data says nothing about what it will be; whatever is
// wrong shows in its status then.
async function checkRules(
  request: FastifyRequest<{ Params: BranchParams }>,
  rules: readonly MaskingRule[],
  context: ApiContext,
): Promise<void> {
  const branch = await readBranch(request, context, 'edit');
  await getAnonymization(context.db, branch.id);
  requireMaskingRules(rules);
  if (branch.current_state !== 'ready' || rules.length === 0) return;
  const host = await hostOfBranch(branch, context);
  const options = { timeoutMs: HOST_PATIENCE_MS };
  await host.checkMasking(branch.timeline_id, { rules: [...rules] }, options);
}

async function readBranch(
  request: FastifyRequest<{ Params: BranchParams }>,
  { db }: ApiContext,
  right: ProjectRight = 'view',
): Promise<BranchDetails> {
  const { project_id: projectId, branch_id: branchId } = request.params;
  const project = await getProject(db, projectId, { ...principalOf(request), right });
  return getBranch(db, project.id, branchId);
}

async function start(
  tx: Database,
  branch: BranchDetails,
  userId: ReturnType<typeof principalOf>['userId'],
): Promise<void> {
  const { state, rules } = await getAnonymization(tx, branch.id);
  if (state === 'anonymizing') throw new PgfleetError('anonymization_running');
  requireReady(branch);
  const { id: branchId, project_id: projectId, timeline_id: timelineId } = branch;
  const plan = planMasking({ projectId, branchId, timelineId, rules });
  const endpoints = await listEndpoints(tx, { projectId, branchId });
  await startAnonymization(tx, branch, { plan, userId });
  await setResetting(tx, branchId);
  const active = endpoints.filter(
    (endpoint) => (endpoint.pending_state ?? endpoint.current_state) === 'active',
  );
  const starting = startOperations(
    { projectId, branchId },
    active.map(({ id }) => id),
  );
  await insertOperations(tx, [plan.operation, ...starting]);
}
