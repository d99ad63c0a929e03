import type { BranchId, EndpointId, EndpointStatus, ProjectId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { EndpointOnHost } from '../domain/endpoint-spec.ts';
import type { Database } from './database.ts';

/*
 * What hosts have heard of the endpoints. Every change gives an endpoint a new generation and inserts
 * an operation that tells the host; where that operation was given up, the host is told by another one.
 * So the rows win in the end, whoever was away for how long. A host also says itself which generation
 * it has, which may be an older one than it was told: its disk may have come from a backup.
 */

/** A host that reports every second is back after the first of its reports. */
const REPORTED_WITHIN = '30 seconds';
/** What a host refuses is not said again at once. */
const PATIENCE = '10 minutes';

/** Notes that a host has these generations of endpoints, or has removed them. */
export async function noteHeard(
  db: Database,
  endpoints: readonly Pick<EndpointOnHost, 'id' | 'generation'>[],
): Promise<void> {
  if (endpoints.length === 0) return;
  await sql`
    update endpoints e set is_heard = true
    from jsonb_to_recordset(${JSON.stringify(endpoints.map(heard))}::jsonb)
      as heard(id text, generation bigint)
    where e.id = heard.id and e.generation <= heard.generation and not e.is_heard`.execute(db);
}

/**
 * Gives endpoints of which a host has a later generation one after that, so that it listens to the rows
 * again: it was told of those by rows that are lost, where the database was restored from a backup.
 */
export async function outbid(
  db: Database,
  statuses: readonly Pick<EndpointStatus, 'endpointId' | 'generation'>[],
): Promise<void> {
  if (statuses.length === 0) return;
  const known = statuses.map(({ endpointId, generation }) => ({ id: endpointId, generation }));
  await sql`
    update endpoints e set generation = known.generation + 1, is_heard = false
    from jsonb_to_recordset(${JSON.stringify(known)}::jsonb) as known(id text, generation bigint)
    where e.id = known.id and e.generation < known.generation`.execute(db);
}

/** An endpoint whose host has to be told of a change. */
export interface UnheardEndpoint {
  readonly id: EndpointId;
  readonly projectId: ProjectId;
  readonly branchId: BranchId;
}

/**
 * Lists endpoints of which their host, which is there, does not know the latest, and no operation is
 * going to tell it. A branch that has no data has nothing to tell of, unless it is to be removed.
 */
export async function listUnheardEndpoints(
  db: Database,
  limit: number,
): Promise<UnheardEndpoint[]> {
  const { rows } = await sql<UnheardEndpoint>`
    select e.id, e.project_id as "projectId", e.branch_id as "branchId"
    from endpoints e join branches b on b.id = e.branch_id join projects p on p.id = e.project_id
      join timelines t on t.id = b.timeline_id join hosts h on h.id = t.host_id
    where not e.is_heard
      and h.reported_at > now() - ${REPORTED_WITHIN}::interval
      and (b.current_state <> 'init' or b.deleted_at is not null or p.deleted_at is not null)
      and not exists (
        select from operations o
        where o.project_id = e.project_id and o.branch_id = e.branch_id
          and o.status in ('scheduling', 'running', 'cancelling'))
      and not exists (
        select from operations o
        where o.branch_id = e.branch_id and o.status = 'failed' and o.action = 'apply_config'
          and o.finished_at > now() - ${PATIENCE}::interval and o.finished_at < o.deadline_at)
    order by e.id limit ${limit}`.execute(db);
  return rows;
}

function heard({ id, generation }: Pick<EndpointOnHost, 'id' | 'generation'>) {
  return { id, generation };
}
