import type { OrganizationId, ProjectId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Updateable } from 'kysely';
import type { Database } from './database.ts';
import type { ProjectRow, Schema } from './schema.ts';

/** A project, what it used so far, and whose it is. */
export interface ProjectDetails extends ProjectRow {
  readonly active_seconds: number;
  readonly bytes_out: number;
  readonly compute_last_active_at: Date | null;
  /** Bytes of data and history; null for a project too young to have any. */
  readonly synthetic_storage_size: number | null;
  readonly owner_name: string;
  readonly owner_email: string;
}

/** @throws PgfleetError `project_not_found`, also for a project of another organization. */
export async function getProject(
  db: Database,
  id: string,
  organizationIds: readonly OrganizationId[],
): Promise<ProjectDetails> {
  const project = await detailed(db)
    .where('projects.id', '=', id as ProjectId)
    .where(belongsTo(organizationIds))
    .executeTakeFirst();
  if (!project) throw new PgfleetError('project_not_found');
  return project;
}

/**
 * Locks a project until the transaction ends: its operations are inserted one caller at a time,
 * so that their order is the order in which they become visible.
 *
 * @throws PgfleetError `project_not_found`.
 */
export async function lockProject(
  db: Database,
  id: string,
  organizationIds: readonly OrganizationId[],
): Promise<ProjectRow> {
  const project = await db
    .selectFrom('projects')
    .selectAll()
    .where('id', '=', id as ProjectId)
    .where(belongsTo(organizationIds))
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  if (!project) throw new PgfleetError('project_not_found');
  return project;
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

export interface ProjectPage {
  readonly organizationIds: readonly OrganizationId[];
  /** The last id of the page before. */
  readonly cursor?: string | undefined;
  readonly search?: string | undefined;
  readonly limit: number;
}

/** Lists projects by id. */
export function listProjects(db: Database, page: ProjectPage): Promise<ProjectDetails[]> {
  const { cursor, search } = page;
  return detailed(db)
    .where(belongsTo(page.organizationIds))
    .$if(cursor !== undefined, (qb) => qb.where('projects.id', '>', cursor as ProjectId))
    .$if(Boolean(search), (qb) => qb.where(containsText(search ?? '')))
    .orderBy('projects.id')
    .limit(page.limit)
    .execute();
}

export function updateProject(
  db: Database,
  id: ProjectId,
  change: Updateable<Schema['projects']>,
): Promise<unknown> {
  return db
    .updateTable('projects')
    .set({ ...change, updated_at: sql<Date>`now()` })
    .where('id', '=', id)
    .execute();
}

function detailed(db: Database) {
  return db
    .selectFrom('projects')
    .innerJoin('users', 'users.id', 'projects.owner_id')
    .innerJoinLateral(
      (qb) =>
        qb
          .selectFrom('endpoints')
          .whereRef('endpoints.project_id', '=', 'projects.id')
          .select((eb) => [
            eb.fn
              .coalesce(eb.fn.sum<number>('active_seconds'), sql<number>`0`)
              .as('active_seconds'),
            eb.fn.coalesce(eb.fn.sum<number>('bytes_out'), sql<number>`0`).as('bytes_out'),
            eb.fn.max('last_active').as('compute_last_active_at'),
          ])
          .as('used'),
      (join) => join.onTrue(),
    )
    .selectAll(['projects', 'used'])
    .select(['users.name as owner_name', 'users.email as owner_email'])
    .select(storageSize.as('synthetic_storage_size'))
    .where('projects.deleted_at', 'is', null);
}

// What is on the disk of its host for it, blocks that are shared within a timeline once.
const storageSize = sql<number | null>`(
  select sum(data_bytes + wal_bytes)::bigint from timelines
  where timelines.project_id = projects.id and timelines.deleted_at is null)`;

function containsText(search: string) {
  const pattern = `%${search.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return sql<boolean>`(projects.name ilike ${pattern} or projects.id ilike ${pattern})`;
}

// An equality where that is possible: only then does the index give the rows in the order of ids.
function belongsTo(organizationIds: readonly OrganizationId[]) {
  const [first, ...more] = organizationIds;
  return more.length === 0 && first
    ? sql<boolean>`projects.organization_id = ${first}`
    : sql<boolean>`projects.organization_id = any(${[...organizationIds]})`;
}
