import {
  BranchConsumptionQuery,
  ConsumptionQuery,
  ProjectConsumptionQuery,
} from '@pgfleet/contract';
import type { BranchConsumptionList, ProjectConsumptionList, ProjectId } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import {
  legacyDefaults,
  requestedMetrics,
  shownMetrics,
  splitList,
} from '../../domain/consumption-metrics.ts';
import { frameRange } from '../../domain/consumption.ts';
import type { Measure } from '../../domain/consumption.ts';
import { groupBy } from '../../domain/group-by.ts';
import { invalidQuery } from '../../domain/invalid-request.ts';
import { organizationsWith, requireNoScope, requireOrganization } from '../../domain/principal.ts';
import {
  listConsumedBranches,
  listConsumedProjects,
  listNewestProjects,
  loadConsumption,
} from '../../store/consumption.ts';
import type { ProjectPage } from '../../store/project-pages.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { periodsPresenter } from '../present/present-consumption.ts';
import type { PresentFrame, ShownFrames } from '../present/present-consumption.ts';
import { mapped, sendInPieces } from '../send-in-pieces.ts';
import type { InPieces } from '../send-in-pieces.ts';

const MAX_IDS = 100;

/** What projects and branches used. Nothing is woken for it. */
export function consumptionRoutes(app: FastifyInstance, context: ApiContext): void {
  legacyRoute(app, context);
  projectsRoute(app, context);
  branchesRoute(app, context);
}

function legacyRoute(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Querystring: ConsumptionQuery }>(
    '/consumption_history/projects',
    { schema: { querystring: ConsumptionQuery } },
    async (request, reply) => {
      const { query } = request;
      const names = requestedMetrics('legacy', query.metrics ?? legacyNames(query));
      const { metrics, measures } = shownMetrics('legacy', [...legacyDefaults, ...names]);
      const presentFrame: PresentFrame = (start, end, usages) => {
        const values = metrics.map(({ name, valueOf }) => [name, valueOf(usages)]);
        return { timeframe_start: start, timeframe_end: end, ...Object.fromEntries(values) };
      };
      const range = frameRange(query, new Date());
      const principal = principalOf(request);
      requireNoScope(principal);
      const organizationIds = query.org_id
        ? [requireOrganization(principal, query.org_id, 'view')]
        : organizationsWith(principal, 'view');
      const projects = await listConsumedProjects(context.db, organizationIds, pageOf(query));
      const shown = { range, measures, presentFrame };
      return sendInPieces(reply, await presentProjects(projects, shown, context));
    },
  );
}

function projectsRoute(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Querystring: ProjectConsumptionQuery }>(
    '/consumption_history/v2/projects',
    { schema: { querystring: ProjectConsumptionQuery } },
    async (request, reply) => {
      const { query } = request;
      const shown = {
        ...namedMetrics('projects', query.metrics),
        range: frameRange(query, new Date()),
      };
      const organizationId = requireOrganization(principalOf(request), query.org_id, 'view');
      const projects = await listNewestProjects(context.db, organizationId, pageOf(query));
      return sendInPieces(reply, await presentProjects(projects, shown, context));
    },
  );
}

function branchesRoute(app: FastifyInstance, { db }: ApiContext): void {
  app.get<{ Querystring: BranchConsumptionQuery }>(
    '/consumption_history/v2/branches',
    { schema: { querystring: BranchConsumptionQuery } },
    async (request, reply) => {
      const { query } = request;
      const shown = {
        ...namedMetrics('branches', query.metrics),
        range: frameRange(query, new Date()),
      };
      const projectIds = requestedIds('project_ids', query.project_ids);
      if (projectIds.length === 0) throw invalidQuery('project_ids', 'field required');
      const branches = await listConsumedBranches(db, {
        organizationId: requireOrganization(principalOf(request), query.org_id, 'view'),
        projectIds,
        branchIds: requestedIds('branch_ids', query.branch_ids),
        after: branchCursor(query.cursor),
        limit: query.limit,
      });
      const branchIds = branches.map(({ id }) => id);
      const metered = await loadConsumption(db, { projectIds, branchIds }, shown);
      const byBranch = groupBy(metered, ({ branchId }) => branchId);
      const periodsOf = periodsPresenter(shown);
      const last = branches.at(-1);
      return sendInPieces<BranchConsumptionList>(reply, {
        branches: mapped(branches, ({ project_id: projectId, id }) => ({
          project_id: projectId,
          branch_id: id,
          periods: periodsOf(projectId, byBranch.get(id) ?? []),
        })),
        ...(last ? { pagination: { cursor: `${last.project_id}/${last.id}` } } : {}),
      });
    },
  );
}

/** What an answer shows of what was metered. */
interface Shown extends ShownFrames {
  readonly measures: ReadonlySet<Measure>;
}

async function presentProjects(
  projectIds: readonly ProjectId[],
  shown: Shown,
  { db }: ApiContext,
): Promise<InPieces<ProjectConsumptionList>> {
  const metered = await loadConsumption(db, { projectIds }, shown);
  const byProject = groupBy(metered, ({ projectId }) => projectId);
  const periodsOf = periodsPresenter(shown);
  const cursor = projectIds.at(-1);
  return {
    projects: mapped(projectIds, (projectId) => ({
      project_id: projectId,
      periods: periodsOf(projectId, byProject.get(projectId) ?? []),
    })),
    ...(cursor ? { pagination: { cursor } } : {}),
  };
}

function namedMetrics(
  set: 'projects' | 'branches',
  listed: readonly string[],
): Pick<Shown, 'measures' | 'presentFrame'> {
  const { metrics, measures } = shownMetrics(set, requestedMetrics(set, listed));
  const presentFrame: PresentFrame = (start, end, usages) => ({
    timeframe_start: start,
    timeframe_end: end,
    metrics: metrics.map(({ name, valueOf }) => ({ metric_name: name, value: valueOf(usages) })),
  });
  return { measures, presentFrame };
}

function legacyNames({ include_v1_metrics: hasStorage }: ConsumptionQuery): readonly string[] {
  return hasStorage ? [...legacyDefaults, 'data_storage_bytes_hour'] : legacyDefaults;
}

function pageOf(query: Pick<ConsumptionQuery, 'cursor' | 'limit' | 'project_ids'>): ProjectPage {
  const { cursor, limit } = query;
  return { cursor, limit, among: requestedIds('project_ids', query.project_ids) };
}

function requestedIds(field: string, listed: readonly string[] | undefined): string[] {
  const ids = splitList(listed ?? []);
  if (ids.length <= MAX_IDS) return ids;
  throw invalidQuery(field, `must be at most ${MAX_IDS} ids`);
}

function branchCursor(text: string | undefined) {
  if (text === undefined) return undefined;
  const [, projectId, branchId] = /^([a-z0-9-]{1,60})\/([a-z0-9-]{1,60})$/.exec(text) ?? [];
  if (projectId && branchId) return { projectId, branchId };
  throw invalidQuery('cursor', 'not a cursor of this list');
}
