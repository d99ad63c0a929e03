import type { HostId, ProjectId, SnapshotId, TimelineId, TimelineSource } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Updateable } from 'kysely';
import type { NewSnapshot } from '../domain/new-snapshot.ts';
import type { Database } from './database.ts';
import { insertOperations } from './operations.ts';
import type { OperationRow, Schema, SnapshotRow } from './schema.ts';

/** Inserts a snapshot with its timeline, on the host of what it is taken of. */
export async function insertSnapshot(
  db: Database,
  { snapshot, timeline, operations }: NewSnapshot,
): Promise<{ readonly snapshot: SnapshotRow; readonly operations: OperationRow[] }> {
  await db
    .insertInto('timelines')
    .values({ ...timeline, host_id: hostOf(timeline.source) })
    .execute();
  const row = await db
    .insertInto('snapshots')
    .values(snapshot)
    .returningAll()
    .executeTakeFirstOrThrow();
  return { snapshot: row, operations: await insertOperations(db, operations) };
}

/** Lists the snapshots of a project, newest first. */
export function listSnapshots(db: Database, projectId: ProjectId): Promise<SnapshotRow[]> {
  return db
    .selectFrom('snapshots')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .execute();
}

/** A snapshot, unless there is none or it was deleted. */
export function findSnapshot(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<SnapshotRow | undefined> {
  return db
    .selectFrom('snapshots')
    .selectAll()
    .where('project_id', '=', projectId)
    .where('id', '=', id as SnapshotId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
}

/** @throws PgfleetError `snapshot_not_found`. */
export async function getSnapshot(
  db: Database,
  projectId: ProjectId,
  id: string,
): Promise<SnapshotRow> {
  const snapshot = await findSnapshot(db, projectId, id);
  if (!snapshot) throw new PgfleetError('snapshot_not_found');
  return snapshot;
}

/** Changes a snapshot, also one that was deleted meanwhile. */
export function updateSnapshot(
  db: Database,
  id: SnapshotId,
  change: Updateable<Schema['snapshots']>,
): Promise<SnapshotRow> {
  return db
    .updateTable('snapshots')
    .set({ ...change, updated_at: sql<Date>`now()` })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Takes a snapshot out of the lists; undefined when somebody else has done so. */
export function markSnapshotDeleted(
  db: Database,
  id: SnapshotId,
): Promise<SnapshotRow | undefined> {
  return db
    .updateTable('snapshots')
    .set({ deleted_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
}

/** Lists snapshots of living projects whose time is over, the longest over first. */
export function listExpiredSnapshots(
  db: Database,
  limit: number,
): Promise<Pick<SnapshotRow, 'id' | 'project_id'>[]> {
  return db
    .selectFrom('snapshots')
    .innerJoin('projects', 'projects.id', 'snapshots.project_id')
    .select(['snapshots.id', 'snapshots.project_id'])
    .where('snapshots.deleted_at', 'is', null)
    .where('projects.deleted_at', 'is', null)
    .where('snapshots.expires_at', '<=', sql<Date>`now()`)
    .orderBy('snapshots.expires_at')
    .limit(limit)
    .execute();
}

/** Notes what is known of a snapshot once its data is there. */
export async function setSnapshotReady(
  db: Database,
  id: SnapshotId,
  content: {
    readonly lsn: string | null;
    readonly at: string | null;
    readonly fullSize: number | null;
  },
): Promise<void> {
  await db
    .updateTable('snapshots')
    .set({
      state: 'ready',
      full_size: content.fullSize,
      lsn: sql<string | null>`coalesce(${content.lsn}, lsn)`,
      // The time that was asked for stays: the last commit before it may be much older.
      at: sql<Date | null>`coalesce(at, ${content.at}::timestamptz)`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .execute();
}

/** A snapshot with what its host has to know. */
export interface SnapshotOnHost {
  readonly snapshot: SnapshotRow;
  readonly pgMajor: number;
  readonly source: TimelineSource;
  /** Null when what it is taken of has none, because it was never made. */
  readonly host: { readonly address: string } | null;
}

/** Loads a snapshot for its operation; it may have been deleted meanwhile. */
export async function loadSnapshotOnHost(db: Database, id: SnapshotId): Promise<SnapshotOnHost> {
  const { pg_major, source, address, ...snapshot } = await db
    .selectFrom('snapshots')
    .innerJoin('projects', 'projects.id', 'snapshots.project_id')
    .innerJoin('timelines', 'timelines.id', 'snapshots.timeline_id')
    .leftJoin('hosts', 'hosts.id', 'timelines.host_id')
    .selectAll('snapshots')
    .select(['projects.pg_major', 'timelines.source', 'hosts.address'])
    .where('snapshots.id', '=', id)
    .executeTakeFirstOrThrow();
  return { snapshot, pgMajor: pg_major, source, host: address === null ? null : { address } };
}

/** Puts a timeline on the host of its source, where that had none when the timeline was inserted. */
export async function followSource(
  db: Database,
  id: TimelineId,
  source: TimelineSource,
): Promise<void> {
  await db
    .updateTable('timelines')
    .set({ host_id: hostOf(source) })
    .where('id', '=', id)
    .where('host_id', 'is', null)
    .execute();
}

function hostOf(source: TimelineSource) {
  const sourceId = source.kind === 'template' ? null : source.timelineId;
  return sql<HostId | null>`(select host_id from timelines where id = ${sourceId})`;
}
