import {
  BranchConsumptionQuery,
  ConsumptionQuery,
  ProjectConsumptionQuery,
} from '@pgfleet/contract';
import type { BranchConsumptionList, ProjectConsumptionList, ProjectId } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import {
  legacyDefaults,
  metricOf,
  requestedMetrics,
  splitList,
} from '../../domain/consumption-metrics.ts';
import { frameRange, framesOf, usageByFrame } from '../../domain/consumption.ts';
import type { FrameRange } from '../../domain/consumption.ts';
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
import type { PresentFrame } from '../present/present-consumption.ts';

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
    async (request): Promise<ProjectConsumptionList> => {
      const { query } = request;
      const names = requestedMetrics('legacy', query.metrics ?? legacyNames(query));
      const shown = [...new Set([...legacyDefaults, ...names])].map(
        (name) => [name, metricOf('legacy', name)] as const,
      );
      const presentFrame: PresentFrame = (start, end, usages) => {
        const values = shown.map(([name, valueOf]) => [name, valueOf(usages)]);
        return { timeframe_start: start, timeframe_end: end, ...Object.fromEntries(values) };
      };
      const range = frameRange(query, new Date());
      const principal = principalOf(request);
      requireNoScope(principal);
      const organizationIds = query.org_id
        ? [requireOrganization(principal, query.org_id, 'view')]
        : organizationsWith(principal, 'view');
      const projects = await listConsumedProjects(context.db, organizationIds, pageOf(query));
      return presentProjects(projects, { range, presentFrame }, context);
    },
  );
}

function projectsRoute(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Querystring: ProjectConsumptionQuery }>(
    '/consumption_history/v2/projects',
    { schema: { querystring: ProjectConsumptionQuery } },
    async (request): Promise<ProjectConsumptionList> => {
      const { query } = request;
      const presentFrame = namedMetrics('projects', query.metrics);
      const range = frameRange(query, new Date());
      const organizationId = requireOrganization(principalOf(request), query.org_id, 'view');
      const projects = await listNewestProjects(context.db, organizationId, pageOf(query));
      return presentProjects(projects, { range, presentFrame }, context);
    },
  );
}

function branchesRoute(app: FastifyInstance, { db }: ApiContext): void {
  app.get<{ Querystring: BranchConsumptionQuery }>(
    '/consumption_history/v2/branches',
    { schema: { querystring: BranchConsumptionQuery } },
    async (request): Promise<BranchConsumptionList> => {
      const { query } = request;
      const now = new Date();
      const presentFrame = namedMetrics('branches', query.metrics);
      const range = frameRange(query, now);
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
      const metered = await loadConsumption(db, { projectIds, branchIds }, range);
      const frames = framesOf(range, now);
      const byBranch = groupBy(metered, ({ branchId }) => branchId);
      const presentPeriods = periodsPresenter(presentFrame, now);
      const last = branches.at(-1);
      return {
        branches: branches.map(({ project_id: projectId, id }) => {
          const used = usageByFrame(byBranch.get(id) ?? [], frames, now);
          return { project_id: projectId, branch_id: id, periods: presentPeriods(projectId, used) };
        }),
        ...(last ? { pagination: { cursor: `${last.project_id}/${last.id}` } } : {}),
      };
    },
  );
}

async function presentProjects(
  projectIds: readonly ProjectId[],
  { range, presentFrame }: { readonly range: FrameRange; readonly presentFrame: PresentFrame },
  { db }: ApiContext,
): Promise<ProjectConsumptionList> {
  const now = new Date();
  const metered = await loadConsumption(db, { projectIds }, range);
  const byProject = groupBy(metered, ({ projectId }) => projectId);
  const frames = framesOf(range, now);
  const presentPeriods = periodsPresenter(presentFrame, now);
  const cursor = projectIds.at(-1);
  return {
    projects: projectIds.map((projectId) => {
      const used = usageByFrame(byProject.get(projectId) ?? [], frames, now);
      return { project_id: projectId, periods: presentPeriods(projectId, used) };
    }),
    ...(cursor ? { pagination: { cursor } } : {}),
  };
}

function namedMetrics(set: 'projects' | 'branches', listed: readonly string[]): PresentFrame {
  const shown = requestedMetrics(set, listed).map((name) => ({
    name,
    valueOf: metricOf(set, name),
  }));
  return (start, end, usages) => ({
    timeframe_start: start,
    timeframe_end: end,
    metrics: shown.map(({ name, valueOf }) => ({ metric_name: name, value: valueOf(usages) })),
  });
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
