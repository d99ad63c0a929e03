import { sql } from 'kysely';
import type { NewProject } from '../domain/new-project.ts';
import type { Database } from './database.ts';
import type { ProjectRow } from './schema.ts';

/** The secrets of the first role, as they are stored. */
export interface StoredRoleSecrets {
  readonly verifier: string;
  readonly sealedPassword: string | null;
}

export interface InsertedProject {
  readonly createdAt: Date;
  readonly databaseId: number;
}

/**
 * Inserts a project with everything that belongs to it in one statement. The timeline is placed on
 * the least used host of the region, or left to its operation where none is known.
 */
export async function insertProject(
  db: Database,
  plan: NewProject,
  secrets: StoredRoleSecrets,
): Promise<InsertedProject> {
  const { project, branch, endpoint, role, operations } = plan;
  const scope = { project_id: project.id, branch_id: branch.id };
  const row = await db
    .with('project', (qb) => qb.insertInto('projects').values(project).returning('created_at'))
    .with('timeline', (qb) =>
      qb.insertInto('timelines').values({
        id: plan.timelineId,
        project_id: project.id,
        host_id: leastUsedHost(project),
      }),
    )
    .with('branch', (qb) =>
      qb.insertInto('branches').values({
        ...branch,
        project_id: project.id,
        timeline_id: plan.timelineId,
        is_default: true,
        pending_state: 'ready',
        created_by: project.owner_id,
      }),
    )
    .with('endpoint', (qb) =>
      qb.insertInto('endpoints').values({
        ...endpoint,
        ...scope,
        type: 'read_write',
        provisioner: project.provisioner,
        pending_state: 'active',
      }),
    )
    .with('role', (qb) =>
      qb.insertInto('roles').values({
        branch_id: branch.id,
        name: role.name,
        verifier: secrets.verifier,
        sealed_password: secrets.sealedPassword,
      }),
    )
    .with('database', (qb) =>
      qb
        .insertInto('databases')
        .values({ branch_id: branch.id, name: plan.databaseName, owner_name: role.name })
        .returning('id'),
    )
    .with('turn', (qb) => qb.insertInto('drill_turns').values({ project_id: project.id }))
    .with('operation', (qb) => qb.insertInto('operations').values([...operations]))
    .selectFrom(['project', 'database'])
    .select(['project.created_at', 'database.id'])
    .executeTakeFirstOrThrow();
  return { createdAt: row.created_at, databaseId: row.id };
}

// A host that has been silent this long may be gone, and new tenants should not wait for it.
const SILENT_AFTER = '30 seconds';

/**
 * An expression: the id of the host of a region with the fewest endpoints among those that have a
 * Postgres major; null without one.
 */
export function leastUsedHost(project: Pick<ProjectRow, 'region_id' | 'pg_major'>) {
  return sql<null>`(select id from hosts
    where region_id = ${project.region_id} and reported_at > now() - ${SILENT_AFTER}::interval
      and info->'pgMajors' @> to_jsonb(${project.pg_major}::integer)
    order by (info->>'endpoints')::integer limit 1)`;
}
