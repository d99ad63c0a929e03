import type { BranchId, EndpointId, EndpointState, ProjectId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Updateable } from 'kysely';
import type { Database } from './database.ts';
import type { EndpointRow, Schema } from './schema.ts';

/** Lists the endpoints of a project, or of one of its branches, oldest first. */
export function listEndpoints(
  db: Database,
  { projectId, branchId }: { readonly projectId: ProjectId; readonly branchId?: BranchId },
): Promise<EndpointRow[]> {
  return db
    .selectFrom('endpoints')
    .selectAll()
    .where('project_id', '=', projectId)
    .$if(branchId !== undefined, (qb) => qb.where('branch_id', '=', branchId as BranchId))
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

/** @throws PgfleetError `endpoint_not_found`. */
export async function getEndpoint(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<EndpointRow> {
  const endpoint = await db
    .selectFrom('endpoints')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('id', '=', id as EndpointId)
    .executeTakeFirst();
  if (!endpoint) throw new PgfleetError('endpoint_not_found');
  return endpoint;
}

/** Changes an endpoint and gives the change a generation of its own. */
export function updateEndpoint(
  db: Database,
  id: EndpointId,
  change: Updateable<Schema['endpoints']>,
): Promise<EndpointRow> {
  return db
    .updateTable('endpoints')
    .set({
      ...change,
      generation: sql<number>`generation + 1`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Notes which state an operation will bring the endpoint to. */
export function setPendingState(
  db: Database,
  id: EndpointId,
  pending: EndpointState,
): Promise<EndpointRow> {
  return db
    .updateTable('endpoints')
    .set({ pending_state: pending })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Notes the state that an operation has brought the endpoint to. */
export function setReachedState(
  db: Database,
  id: EndpointId,
  state: 'active' | 'idle',
): Promise<unknown> {
  const at = state === 'active' ? 'started_at' : 'suspended_at';
  return db
    .updateTable('endpoints')
    .set({
      current_state: state,
      pending_state: null,
      [at]: sql`case when current_state = ${state} then ${sql.ref(at)} else now() end`,
    })
    .where('id', '=', id)
    .execute();
}

/** Gives every endpoint of a project a new generation, because the project's settings changed. */
export function touchEndpoints(db: Database, projectId: ProjectId): Promise<EndpointRow[]> {
  return db
    .updateTable('endpoints')
    .set({ generation: sql<number>`generation + 1` })
    .where('project_id', '=', projectId)
    .returningAll()
    .execute();
}

/** Notes that no operation is going to change the endpoint's state any more. */
export function clearPendingState(db: Database, id: EndpointId): Promise<unknown> {
  return db.updateTable('endpoints').set({ pending_state: null }).where('id', '=', id).execute();
}

/** How many endpoints of the fleet are in each state. */
export function countEndpointsByState(
  db: Database,
): Promise<{ readonly state: EndpointState; readonly count: number }[]> {
  return db
    .selectFrom('endpoints')
    .innerJoin('projects', 'projects.id', 'endpoints.project_id')
    .select((eb) => ['current_state as state', eb.fn.countAll<number>().as('count')])
    .where('projects.deleted_at', 'is', null)
    .groupBy('current_state')
    .execute();
}
