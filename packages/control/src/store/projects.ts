import type { OrganizationId, ProjectId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { RawBuilder, UpdateObject } from 'kysely';
import { requireNoScope } from '../domain/principal.ts';
import type { Principal, ProjectAccess } from '../domain/principal.ts';
import type { Database } from './database.ts';
import { monthlyUsage } from './monthly-usage.ts';
import type { MonthlyUsage } from './monthly-usage.ts';
import { isOpenTo, refusal } from './project-access.ts';
import { ownPage, sharedPage } from './project-pages.ts';
import type { ProjectPage } from './project-pages.ts';
import type { ProjectRow, Schema } from './schema.ts';

/** A project, what it used in the present month, and whose it is. */
export interface ProjectDetails extends ProjectRow, MonthlyUsage {
  readonly compute_last_active_at: Date | null;
  /** Bytes of data and history; null for a project too young to have any. */
  readonly synthetic_storage_size: number | null;
  readonly owner_name: string;
  readonly owner_email: string;
}

/** @throws PgfleetError `project_not_found`, `forbidden`, `outside_key_scope`. */
export async function getProject(
  db: Database,
  id: string,
  access: ProjectAccess,
): Promise<ProjectRow> {
  requireNoScope(access, id);
  const project = await living(db, id)
    .selectAll('projects')
    .where(isOpenTo(access, access.right ?? 'view'))
    .executeTakeFirst();
  return project ?? Promise.reject(await refusal(db, id, access));
}

/**
 * The same with what the project used, for which all of its endpoints and timelines are read.
 *
 * @throws PgfleetError `project_not_found`, `forbidden`, `outside_key_scope`.
 */
export async function getProjectDetails(
  db: Database,
  id: string,
  access: ProjectAccess,
): Promise<ProjectDetails> {
  requireNoScope(access, id);
  const project = await withDetails(living(db, id))
    .where(isOpenTo(access, access.right ?? 'view'))
    .executeTakeFirst();
  return project ?? Promise.reject(await refusal(db, id, access));
}

/**
 * Refuses whoever has not the right on a project, also on one that is deleted by now.
 *
 * @throws PgfleetError `project_not_found`, `forbidden`, `outside_key_scope`.
 */
export async function requireProjectAccess(
  db: Database,
  id: string,
  access: ProjectAccess,
): Promise<void> {
  requireNoScope(access, id);
  const project = await db
    .selectFrom('projects')
    .select('id')
    .where('id', '=', id as ProjectId)
    .where(isOpenTo(access, access.right ?? 'view'))
    .executeTakeFirst();
  if (!project) throw await refusal(db, id, access);
}

/** A project for whoever may see it anyway; undefined once deleted. */
export function findProjectDetails(db: Database, id: string): Promise<ProjectDetails | undefined> {
  return withDetails(living(db, id)).executeTakeFirst();
}

/**
 * Locks a project until the transaction ends: its operations are inserted one caller at a time,
 * so that their order is the order in which they become visible.
 *
 * @throws PgfleetError `project_not_found`, `forbidden`, `outside_key_scope`.
 */
export async function lockProject(
  db: Database,
  id: string,
  access: ProjectAccess,
): Promise<ProjectRow> {
  requireNoScope(access, id);
  const project = await db
    .selectFrom('projects')
    .selectAll()
    .where('id', '=', id as ProjectId)
    .where(isOpenTo(access, access.right ?? 'edit'))
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return project ?? Promise.reject(await refusal(db, id, access));
}

/** Locks a project as {@link lockProject} does, for what nobody asked for; undefined once deleted. */
export function lockLiveProject(db: Database, id: ProjectId): Promise<ProjectRow | undefined> {
  return db
    .selectFrom('projects')
    .selectAll()
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
}

/** @throws PgfleetError `project_not_found` when the organization has no such project. */
export async function requireProjectOf(
  db: Database,
  organizationId: OrganizationId,
  id: string,
): Promise<ProjectId> {
  const project = await db
    .selectFrom('projects')
    .select('id')
    .where('id', '=', id as ProjectId)
    .where('organization_id', '=', organizationId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (!project) throw new PgfleetError('project_not_found');
  return project.id;
}

/** What lists show of a row of a project. */
const listedColumns = [
  'id',
  'organization_id',
  'owner_id',
  'region_id',
  'name',
  'pg_major',
  'provisioner',
  'store_passwords',
  'default_endpoint_settings',
  'settings',
  'created_at',
  'updated_at',
  'deleted_at',
  'purge_at',
] as const satisfies readonly (keyof ProjectRow)[];

/** A project as lists show it. */
export type ListedProject = Pick<
  ProjectDetails,
  | (typeof listedColumns)[number]
  | 'active_seconds'
  | 'cu_seconds'
  | 'compute_last_active_at'
  | 'synthetic_storage_size'
>;

/** Lists the projects of organizations by id. */
export function listProjects(
  db: Database,
  organizationIds: readonly OrganizationId[],
  page: ProjectPage,
): Promise<ListedProject[]> {
  return listed(db, ownPage(organizationIds, page));
}

/** Lists the projects that are shared with somebody who does not see them anyway, by id. */
export async function listSharedProjects(
  db: Database,
  principal: Principal,
  page: ProjectPage,
): Promise<ListedProject[]> {
  if (principal.subject !== 'user') return [];
  return listed(db, sharedPage(principal, page));
}

export function updateProject(
  db: Database,
  id: ProjectId,
  change: UpdateObject<Schema, 'projects'>,
): Promise<unknown> {
  return db
    .updateTable('projects')
    .set({ ...change, updated_at: sql<Date>`now()` })
    .where('id', '=', id)
    .execute();
}

function listed(db: Database, ids: RawBuilder<ProjectId>): Promise<ListedProject[]> {
  return db
    .selectFrom('projects')
    .where(sql<boolean>`projects.id in (${ids})`)
    .innerJoinLateral(monthlyUsage('project_id', 'projects.id').as('used'), (join) => join.onTrue())
    .select(listedColumns.map((column) => `projects.${column}` as const))
    .select(['used.active_seconds', 'used.cu_seconds'])
    .select([lastActive.as('compute_last_active_at'), storageSize.as('synthetic_storage_size')])
    .orderBy('projects.id')
    .execute();
}

function living(db: Database, id: string) {
  return db
    .selectFrom('projects')
    .where('projects.id', '=', id as ProjectId)
    .where('projects.deleted_at', 'is', null);
}

function withDetails(projects: ReturnType<typeof living>) {
  return projects
    .innerJoin('users', 'users.id', 'projects.owner_id')
    .innerJoinLateral(monthlyUsage('project_id', 'projects.id').as('used'), (join) => join.onTrue())
    .selectAll(['projects', 'used'])
    .select(['users.name as owner_name', 'users.email as owner_email'])
    .select([lastActive.as('compute_last_active_at'), storageSize.as('synthetic_storage_size')]);
}

// Of all of its endpoints.
const lastActive = sql<Date | null>`(
  select max(last_active) from endpoints where endpoints.project_id = projects.id)`;

// What is on the disk of its host for it, blocks that are shared within a timeline once.
const storageSize = sql<number | null>`(
  select sum(data_bytes + wal_bytes)::bigint from timelines
  where timelines.project_id = projects.id and timelines.deleted_at is null)`;
