import type { OrganizationId, ProjectId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { organizationsWith } from '../domain/principal.ts';
import type { Principal } from '../domain/principal.ts';
import { belongsTo } from './project-access.ts';

/*
 * Which projects a page of a list has: queries for their ids, in the order of ids. They are decided
 * before anything else is looked up about a project, and read no more rows than the page needs,
 * however many projects there are.
 */

export interface ProjectPage {
  /** Whether deleted projects that can be recovered are listed, instead of the others. */
  readonly recoverable?: boolean;
  /** The last id of the page before. */
  readonly cursor?: string | undefined;
  readonly search?: string | undefined;
  /** The only projects that are meant; left out or none for all of them. */
  readonly among?: readonly string[];
  readonly limit: number;
}

/** The projects of organizations. */
export function ownPage(
  organizationIds: readonly OrganizationId[],
  page: ProjectPage,
): RawBuilder<ProjectId> {
  // What is named or searched is looked up once for all of them.
  const isOneWalk = organizationIds.length === 1 || page.search || page.among?.length;
  return isOneWalk ? pageOf(belongsTo(organizationIds), page) : mergedPage(organizationIds, page);
}

/** The projects that are shared with somebody who does not see them anyway. */
export function sharedPage(principal: Principal, page: ProjectPage): RawBuilder<ProjectId> {
  // They are read in their order: fewer than all projects, whatever is searched.
  return sql<ProjectId>`select shared.project_id as id
    from project_permissions shared join projects on projects.id = shared.project_id
    where shared.email = ${principal.email} and shared.revoked_at is null
      and projects.deleted_at is null
      and not ${belongsTo(organizationsWith(principal, 'view'))}
      ${after('shared.project_id', page)} ${containing(page)}
    order by shared.project_id limit ${page.limit}`;
}

// Each organization gives the first of its own, no more of them than the page has.
function mergedPage(
  organizationIds: readonly OrganizationId[],
  page: ProjectPage,
): RawBuilder<ProjectId> {
  const ofEach = sql<boolean>`projects.organization_id = organization.id`;
  return sql<ProjectId>`select project.id
    from unnest(${[...organizationIds]}::text[]) as organization(id)
      cross join lateral (${pageOf(ofEach, page)}) project
    order by project.id limit ${page.limit}`;
}

function pageOf(condition: RawBuilder<boolean>, page: ProjectPage): RawBuilder<ProjectId> {
  const isListed = page.recoverable
    ? sql`projects.purge_at > now()`
    : sql`projects.deleted_at is null`;
  return sql<ProjectId>`select projects.id from projects
    where ${condition} and ${isListed}
      ${after('projects.id', page)} ${containing(page)} ${among(page)}
    order by projects.id limit ${page.limit}`;
}

const anything = sql``;

function after(column: string, { cursor }: ProjectPage) {
  return cursor === undefined ? anything : sql`and ${sql.ref(column)} > ${cursor}`;
}

function among({ among: ids = [] }: ProjectPage) {
  return ids.length === 0 ? anything : sql`and projects.id = any(${[...ids]})`;
}

function containing({ search }: ProjectPage) {
  if (!search) return anything;
  const pattern = `%${search.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return sql`and projects.search_text like lower(${pattern})`;
}
