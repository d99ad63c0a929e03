import { existsSync } from 'node:fs';
import { findInstallations } from '@pgfleet/compute';
import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { PointInTime, TimelineId, TimelineSpec } from '@pgfleet/contract';
import { describe, expect, test } from 'vitest';
import { sharedTestHost } from './shared-test-host.ts';
import { connect, newTenant, postmasters, queryValue, scramVerifier } from './test-host.ts';

/*
 * The life of a tenant once with every major version of Postgres that this machine has. What each of its
 * moments has to hold is tested elsewhere, with the default version.
 */

const region = 'aws-us-east-2';
const head = { kind: 'head' } as const;
const role = { name: 'neondb_owner', verifier: scramVerifier('the password of today') };
const { host, directory } = sharedTestHost({ volume: 'auto', spareClones: 0 });
const majors = (await findInstallations()).map(({ major }) => major);

test(`all that this machine must have is there: it has Postgres ${majors.join(', ')}`, async () => {
  const { pgMajors } = await host.info();
  expect(pgMajors).toEqual(majors);
  expect(majors).toEqual(expect.arrayContaining([...required()]));
});

// npm brings some to every machine, and more to those that check commits.
function required(): readonly number[] {
  const isLinuxX64 = process.platform === 'linux' && process.arch === 'x64';
  const isInstalled = existsSync('/usr/lib/postgresql/15/bin/postgres');
  return [17, 18, ...(isLinuxX64 ? [14, 16] : []), ...(isInstalled ? [15] : [])];
}

describe.each(majors)('a tenant of Postgres %i', (pgMajor) => {
  const tenant = newTenant();
  const { timeline, endpoint } = { ...tenant, timeline: { ...tenant.timeline, pgMajor } };
  const { timelineId } = timeline;
  const { endpointId } = endpoint;
  const start = async (id = endpointId) => (await host.start(id)).socketPath;
  const note = async (text: string) =>
    queryValue(await start(), `INSERT INTO notes VALUES ('${text}')`);
  const notes = (socketPath: string, login = {}) =>
    queryValue(socketPath, `SELECT string_agg(text, ' ' ORDER BY text) FROM notes`, login);

  /** Puts a copy of the timeline as of a point. */
  async function copyOf(at: PointInTime, change: Partial<TimelineSpec> = {}) {
    const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
    const source = { kind: 'timeline', timelineId, at } as const;
    const copy = { ...timeline, ...ids, source, initial: { roles: [], databases: [] }, ...change };
    await host.putTimeline(copy);
    return ids;
  }

  /** What is in a copy that is opened, and can be written to. */
  async function notesOfCopy(at: PointInTime) {
    const ids = await copyOf(at, { opensAtOnce: true });
    const id = newEndpointId(region);
    await host.putEndpoint({ ...endpoint, ...ids, endpointId: id, generation: 1 });
    const socketPath = await start(id);
    await queryValue(socketPath, `INSERT INTO notes VALUES ('of the copy')`);
    return notes(socketPath);
  }

  test('is created with checksums, and may create extensions', async () => {
    await host.putTimeline(timeline);
    await host.putEndpoint(endpoint);
    const socketPath = await start();
    expect(await queryValue(socketPath, 'SHOW server_version_num')).toMatch(`${pgMajor}0`);
    expect(await queryValue(socketPath, 'SHOW data_checksums')).toBe('on');
    await using session = await connect(socketPath);
    for (const extension of ['hstore', 'dblink', 'postgres_fdw', 'pg_stat_statements']) {
      await session.client.query(`CREATE EXTENSION ${extension}`);
    }
    await session.client.query('CREATE TABLE notes (text text)');
    await note('one');
  });

  test('sleeps and wakes with what it had, and recovers when it is killed', async () => {
    await host.suspend(endpointId);
    const socketPath = await start();
    await queryValue(socketPath, `INSERT INTO notes VALUES ('two')`);
    const [postmaster] = postmasters(directory, timelineId);
    process.kill(postmaster!, 'SIGKILL');
    const state = async () => (await host.endpoint(endpointId)).state;
    await expect.poll(state, { timeout: 20_000 }).toBe('idle');
    expect(await notes(await start())).toBe('one two');
  });

  test('is branched while it runs and while it sleeps', async () => {
    const at = await headOf(timelineId);
    await note('three');
    expect(await notesOfCopy(at)).toBe('of the copy one two');
    await host.suspend(endpointId);
    expect(await notesOfCopy(head)).toBe('of the copy one three two');
    expect((await host.endpoint(endpointId)).state).toBe('idle');
  });

  test('is read by a replica, which follows it', async () => {
    const id = newEndpointId(region);
    await host.putEndpoint({ ...endpoint, endpointId: id, type: 'read_only' });
    const replica = await start(id);
    expect(await notes(replica)).toBe('one three two');
    await queryValue(await start(), 'CREATE TABLE followed AS SELECT 1');
    const isFollowed = () => queryValue(replica, `SELECT to_regclass('followed') IS NOT NULL`);
    await expect.poll(isFollowed, { timeout: 20_000 }).toBe(true);
    await host.deleteEndpoint(id);
  });

  test('is restored to a time, and shown as it was then', async () => {
    const at: PointInTime = { kind: 'time', at: await clockOf(await start()) };
    await note('four');
    expect(await notesOfCopy(at)).toBe('of the copy one three two');
    const past = await host.timeTravel({ endpointId, at, role });
    const login = { password: 'the password of today' };
    expect(await notes(past.socketPath, login)).toBe('one three two');
  });

  test('has snapshots, whose schema can be read', async () => {
    const snapshot = await copyOf(await headOf(timelineId));
    const request = { database: 'neondb', at: head } as const;
    const { sql } = await host.schema(snapshot.timelineId, request);
    expect(sql).toContain('CREATE TABLE public.notes');
  });

  test('passes a drill', async () => {
    const report = await host.verify(timelineId, { at: await headOf(timelineId) });
    expect(report).toMatchObject({ amcheck: true, problems: [] });
    expect(report.rows).toBeGreaterThanOrEqual(4);
  });
});

async function headOf(timelineId: TimelineId): Promise<PointInTime> {
  return (await host.resolvePoint(timelineId, head)).at;
}

async function clockOf(socketPath: string): Promise<string> {
  const format = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;
  const now = `to_char(clock_timestamp() AT TIME ZONE 'utc', ${format})`;
  return String(await queryValue(socketPath, `SELECT ${now}`));
}
