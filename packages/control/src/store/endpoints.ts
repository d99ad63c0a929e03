import type { BranchId, EndpointId, EndpointState, ProjectId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Updateable } from 'kysely';
import type { NewEndpoint } from '../domain/new-endpoint.ts';
import type { Database } from './database.ts';
import type { EndpointRow, Schema } from './schema.ts';

/** What makes a change one that the host must hear of. */
const newGeneration = { generation: sql<number>`generation + 1`, is_heard: false };

/** Lists the endpoints of a project's branches, or of one of them, oldest first. */
export function listEndpoints(
  db: Database,
  { projectId, branchId }: { readonly projectId: ProjectId; readonly branchId?: BranchId },
): Promise<EndpointRow[]> {
  return living(db, projectId)
    .$if(branchId !== undefined, (qb) => qb.where('branch_id', '=', branchId as BranchId))
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

/** An endpoint, unless there is none or it was deleted. */
export function findEndpoint(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<EndpointRow | undefined> {
  return living(db, projectId)
    .where('id', '=', id as EndpointId)
    .executeTakeFirst();
}

/** @throws PgfleetError `endpoint_not_found`. */
export async function getEndpoint(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<EndpointRow> {
  const endpoint = await findEndpoint(db, projectId, id);
  if (!endpoint) throw new PgfleetError('endpoint_not_found');
  return endpoint;
}

/** @throws PgfleetError `endpoint_exists` when the branch has an endpoint for writing. */
export async function insertEndpoint(
  db: Database,
  endpoint: NewEndpoint,
  branch: { readonly id: BranchId; readonly project_id: ProjectId },
): Promise<EndpointRow> {
  const row = await db
    .insertInto('endpoints')
    .values({ ...endpoint, branch_id: branch.id, project_id: branch.project_id })
    .onConflict((oc) => oc.doNothing())
    .returningAll()
    .executeTakeFirst();
  if (!row) throw new PgfleetError('endpoint_exists');
  return row;
}

/**
 * Takes an endpoint out of everything that is shown; what it used stays counted. Its host must hear
 * of that as of any change.
 */
export function markEndpointDeleted(db: Database, id: EndpointId): Promise<EndpointRow> {
  return db
    .updateTable('endpoints')
    .set({
      ...newGeneration,
      deleted_at: sql<Date>`now()`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Changes an endpoint; a change that is news for its host gets a generation of its own. */
export function updateEndpoint(
  db: Database,
  id: EndpointId,
  { isNews, ...change }: Updateable<Schema['endpoints']> & { readonly isNews: boolean },
): Promise<EndpointRow> {
  return db
    .updateTable('endpoints')
    .set({
      ...change,
      ...(isNews ? newGeneration : {}),
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

/** Gives every endpoint of a project a new generation, because its host must hear of a change. */
export function touchEndpoints(db: Database, projectId: ProjectId): Promise<EndpointRow[]> {
  return db
    .updateTable('endpoints')
    .set(newGeneration)
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .where('branch_id', 'in', livingBranches(db, projectId))
    .returningAll()
    .execute();
}

/** Gives every endpoint of a branch a new generation, because its host must hear of a change. */
export function touchBranchEndpoints(db: Database, branchId: BranchId): Promise<EndpointRow[]> {
  return db
    .updateTable('endpoints')
    .set(newGeneration)
    .where('branch_id', '=', branchId)
    .where('deleted_at', 'is', null)
    .returningAll()
    .execute();
}

/** Notes that no operation is going to change the endpoint's state any more. */
export function clearPendingState(db: Database, id: EndpointId): Promise<unknown> {
  return db.updateTable('endpoints').set({ pending_state: null }).where('id', '=', id).execute();
}

/** How many endpoints of the fleet are in each state, but for the many that are idle. */
export function countWakingEndpoints(
  db: Database,
): Promise<{ readonly state: EndpointState; readonly count: number }[]> {
  return db
    .selectFrom('endpoints')
    .select((eb) => ['current_state as state', eb.fn.countAll<number>().as('count')])
    .where('deleted_at', 'is', null)
    .where('current_state', '<>', 'idle')
    .groupBy('current_state')
    .execute();
}

function living(db: Database, projectId: ProjectId) {
  return db
    .selectFrom('endpoints')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .where('branch_id', 'in', livingBranches(db, projectId));
}

function livingBranches(db: Database, projectId: ProjectId) {
  return db
    .selectFrom('branches')
    .select('branches.id')
    .where('branches.project_id', '=', projectId)
    .where('branches.deleted_at', 'is', null);
}
