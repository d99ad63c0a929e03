import type {
  BranchId,
  EndpointId,
  EndpointName,
  EndpointRoute,
  HostEntry,
  HostId,
  HostReport,
} from '@pgfleet/contract';
import { sql } from 'kysely';
import type { InstalledLibrary } from '../domain/preload-libraries.ts';
import type { Database } from './database.ts';
import type { ProjectRow } from './schema.ts';

// A host reports every second.
const SILENT_AFTER = '5 seconds';

/**
 * Notes what a host says of itself; true when the host is new, has moved to another address, or is
 * back after a silence.
 */
export async function saveHost(
  db: Database,
  { address, info }: Pick<HostReport, 'address' | 'info'>,
): Promise<boolean> {
  const { rows } = await sql<{ is_changed: boolean }>`
    with before as (select address from hosts where id = ${info.hostId}
      and reported_at > now() - ${SILENT_AFTER}::interval)
    insert into hosts (id, region_id, address, info, reported_at)
    values (${info.hostId}, ${info.regionId}, ${address}, ${JSON.stringify(info)}, now())
    on conflict (id) do update set region_id = excluded.region_id, address = excluded.address,
      info = excluded.info, reported_at = excluded.reported_at
    returning address is distinct from (select address from before) as is_changed`.execute(db);
  return rows[0]?.is_changed ?? false;
}

/** Lists the hosts that have ever reported. */
export function listHosts(db: Database): Promise<HostEntry[]> {
  return db
    .selectFrom('hosts')
    .select(['id as hostId', 'region_id as regionId', 'address'])
    .orderBy('id')
    .execute();
}

/**
 * Notes what a host says of its endpoints; what it says of an endpoint of another host is ignored.
 * An endpoint that was never started stays `init` while the host just holds its spec. A host that has a
 * later generation than the row was told of it by rows that are lost, those of a database that was
 * restored from a backup: the row gets one after that, so that the host listens to it.
 */
export async function saveEndpointStatuses(
  db: Database,
  hostId: HostId,
  statuses: HostReport['endpoints'],
): Promise<void> {
  if (statuses.length === 0) return;
  await sql`
    update endpoints e set
      current_state = case
        when s.state in ('active', 'suspending') then 'active'
        when e.current_state = 'init' and s."startedAt" is null then 'init'
        else 'idle' end,
      pending_state = case s.state
        when 'starting' then 'active'
        when 'suspending' then 'idle'
        when 'idle' then case when e.current_state = 'init' then e.pending_state end end,
      last_active = coalesce(s."lastActiveAt", e.last_active),
      started_at = coalesce(s."startedAt", e.started_at),
      suspended_at = coalesce(s."suspendedAt", e.suspended_at),
      active_seconds = greatest(e.active_seconds, s."activeSeconds"),
      bytes_out = greatest(e.bytes_out, s."bytesOut"),
      written_bytes = greatest(e.written_bytes, s."writtenBytes"),
      generation = case when s.generation > e.generation then s.generation + 1 else e.generation end,
      is_heard = s.generation = e.generation
    from jsonb_to_recordset(${JSON.stringify(statuses)}::jsonb) as s(
        "endpointId" text, generation bigint, state text, "lastActiveAt" timestamptz,
        "startedAt" timestamptz, "suspendedAt" timestamptz, "activeSeconds" double precision,
        "bytesOut" double precision, "writtenBytes" double precision),
      branches b, timelines t
    where e.id = s."endpointId" and b.id = e.branch_id and t.id = b.timeline_id
      and t.host_id = ${hostId}`.execute(db);
}

/** Notes how much a host says there is of its timelines. */
export async function saveTimelineStatuses(
  db: Database,
  hostId: HostId,
  statuses: HostReport['timelines'],
): Promise<void> {
  if (statuses.length === 0) return;
  await sql`
    update timelines t set
      oldest_at = (s.oldest->>'at')::timestamptz,
      oldest_lsn = s.oldest->>'lsn',
      head_lsn = s."headLsn",
      logical_bytes = coalesce(s."logicalBytes", t.logical_bytes),
      data_bytes = s."dataBytes",
      wal_bytes = s."walBytes",
      lost = s.lost
    from jsonb_to_recordset(${JSON.stringify(statuses)}::jsonb) as s(
      "timelineId" text, oldest jsonb, "headLsn" text, "logicalBytes" bigint, "dataBytes" bigint,
      "walBytes" bigint, lost jsonb)
    where t.id = s."timelineId" and t.host_id = ${hostId}`.execute(db);
}

/**
 * The Postgres majors that the hosts of a region have installed, ascending; none while no host of
 * the region has ever reported.
 */
export async function listInstalledMajors(db: Database, regionId: string): Promise<number[]> {
  const { rows } = await sql<{ major: number }>`
    select distinct major::integer from hosts, jsonb_array_elements_text(info->'pgMajors') as major
    where region_id = ${regionId} order by 1`.execute(db);
  return rows.map((row) => row.major);
}

/** The libraries that hosts of a region have for a Postgres major, by name. */
export async function listInstalledLibraries(
  db: Database,
  { region_id: regionId, pg_major: major }: Pick<ProjectRow, 'region_id' | 'pg_major'>,
): Promise<InstalledLibrary[]> {
  const { rows } = await sql<InstalledLibrary>`
    select library->>'name' as name, max(library->>'version') as version
    from hosts, jsonb_array_elements(info->'preloadLibraries') as library
    where region_id = ${regionId} and (library->>'pgMajor')::integer = ${major}
    group by 1 order by 1`.execute(db);
  return rows;
}

/** Where an endpoint lives, as far as it is known. */
export interface KnownRoute extends Omit<EndpointRoute, 'hostId'> {
  /** Null while no host of the region is known. */
  readonly hostId: HostId | null;
  /** Why the data of its branch could not be made; null when it was, or still may be. */
  readonly creationError: string | null;
}

/** Finds where an endpoint lives; those of a branch all live where the branch does. */
export function findRoute(db: Database, name: EndpointName): Promise<KnownRoute | undefined> {
  return db
    .selectFrom('endpoints')
    .innerJoin('branches', 'branches.id', 'endpoints.branch_id')
    .innerJoin('timelines', 'timelines.id', 'branches.timeline_id')
    .innerJoin('projects', 'projects.id', 'endpoints.project_id')
    .select((eb) => [
      'timelines.host_id as hostId',
      'projects.region_id as regionId',
      eb('branches.current_state', '=', 'init').as('pending'),
      eb
        .selectFrom('operations')
        .select('error')
        .whereRef('operations.branch_id', '=', 'branches.id')
        .where('action', 'in', ['create_timeline', 'create_branch'])
        .where('operations.status', '=', 'failed')
        .whereRef('branches.current_state', '=', sql<'init'>`'init'`)
        .limit(1)
        .as('creationError'),
    ])
    .where((eb) =>
      eb.or([
        eb('endpoints.id', '=', name as EndpointId),
        eb('endpoints.branch_id', '=', name as BranchId),
      ]),
    )
    .where('endpoints.deleted_at', 'is', null)
    .where('branches.deleted_at', 'is', null)
    .where('projects.deleted_at', 'is', null)
    .$castTo<KnownRoute>()
    .executeTakeFirst();
}
