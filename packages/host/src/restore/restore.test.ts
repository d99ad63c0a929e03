import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readControlFile } from '@pgfleet/compute';
import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { PointInTime, TimelineId } from '@pgfleet/contract';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import {
  connect,
  postmasters,
  presentOf,
  queryValue,
  scramVerifier,
  startTenant,
} from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const run = promisify(execFile);
const region = 'aws-us-east-2';
const { host, directory } = sharedTestHost();

const head: PointInTime = { kind: 'head' };

/** Makes a branch of a tenant's data with an endpoint of its own. */
async function branchOf(
  { timeline, endpoint }: Pick<Tenant, 'timeline' | 'endpoint'>,
  at: PointInTime,
  initial: Tenant['timeline']['initial'] = { roles: [], databases: [] },
): Promise<Tenant> {
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  const source = { kind: 'timeline', timelineId: timeline.timelineId, at } as const;
  const child = { ...timeline, ...ids, source, initial };
  await host.putTimeline(child);
  const spec = { ...endpoint, ...ids, endpointId: newEndpointId(region), generation: 1 };
  await host.putEndpoint(spec);
  const { socketPath } = await host.start(spec.endpointId);
  return { timeline: child, endpoint: spec, endpointId: spec.endpointId, socketPath };
}

async function write(tenant: Tenant, ...texts: readonly string[]): Promise<void> {
  const { socketPath } = await host.start(tenant.endpointId);
  await using connection = await connect(socketPath);
  await connection.client.query('CREATE TABLE IF NOT EXISTS notes (id serial, text text)');
  for (const text of texts) {
    await connection.client.query('INSERT INTO notes (text) VALUES ($1)', [text]);
  }
}

async function notes(tenant: Tenant): Promise<unknown> {
  const { socketPath } = await host.start(tenant.endpointId);
  return queryValue(socketPath, `SELECT string_agg(text, ',' ORDER BY id) FROM notes`);
}

function trees(): readonly string[] {
  return readdirSync(join(directory, 'host', 'volume', 'volume', 'trees'));
}

test('a branch of a running parent has all that was committed, and the parent goes on', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  await using open = await connect(parent.socketPath);
  const child = await branchOf(parent, head);
  await open.client.query(`INSERT INTO notes (text) VALUES ('only in the parent')`);
  expect(await notes(child)).toBe('one');
  await write(child, 'only in the child');
  expect(await notes(parent)).toBe('one,only in the parent');
});

test('a branch of a sleeping parent has what it fell asleep with, and the parent sleeps on', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  await host.suspend(parent.endpointId);
  const child = await branchOf(parent, head);
  expect(await notes(child)).toBe('one');
  expect((await host.endpoint(parent.endpointId)).state).toBe('idle');
});

test('an endpoint leaves its timeline at once for another, and what it left comes to rest whole', async () => {
  const tenant = await startTenant(host);
  await write(tenant, 'one');
  const { timelineId } = tenant.timeline;
  const source = { kind: 'timeline', timelineId, at: head } as const;
  const next = { ...tenant.timeline, timelineId: newTimelineId(), source };
  await host.putTimeline(next);
  await write(tenant, 'after the copy');
  await using open = await connect(tenant.socketPath);
  const asleep = open.client.query('SELECT pg_sleep(60)').catch((error: unknown) => error);
  const moved = { ...tenant.endpoint, timelineId: next.timelineId, generation: 2 };
  await host.putEndpoint(moved);
  expect(await notes(tenant)).toBe('one');
  expect(await asleep).toMatchObject({ message: expect.stringContaining('terminat') as string });
  const left = join(directory, 'host', 'volume', 'volume', 'trees', timelineId);
  await expect.poll(() => readControlFile(left).state, { timeout: 30_000 }).toBe('shut_down');
  expect(await notes(await branchOf(tenant, head))).toBe('one,after the copy');
});

test('branches have branches, to any depth', async () => {
  let tenant = await startTenant(host);
  await write(tenant, '0');
  for (const level of ['1', '2', '3']) {
    tenant = await branchOf(tenant, head);
    await write(tenant, level);
  }
  expect(await notes(tenant)).toBe('0,1,2,3');
});

test('a branch as of a time, or of an LSN, has what was committed until then', async () => {
  const parent = await startTenant(host);
  await write(parent, 'early');
  const time = await presentOf(parent);
  await write(parent, 'between');
  const { at: lsn } = await host.resolvePoint(parent.timeline.timelineId, head);
  await write(parent, 'late');
  expect(await notes(await branchOf(parent, time))).toBe('early');
  expect(await notes(await branchOf(parent, lsn))).toBe('early,between');
  await host.suspend(parent.endpointId);
  expect(await notes(await branchOf(parent, time))).toBe('early');
  expect(await notes(await branchOf(parent, lsn))).toBe('early,between');
});

test('a branch can go back to its own past', async () => {
  const parent = await startTenant(host);
  await write(parent, 'of the parent');
  const child = await branchOf(parent, head);
  await write(child, 'one');
  const time = await presentOf(child);
  await write(child, 'two');
  expect(await notes(await branchOf(child, time))).toBe('of the parent,one');
});

test('branches go back to their own past when their parent is gone', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  const awake = await branchOf(parent, head);
  await write(awake, 'awake');
  await host.suspend(parent.endpointId);
  const asleep = await branchOf(parent, head);
  await write(asleep, 'asleep');
  const grandchild = await branchOf(awake, head);
  const moments = await Promise.all([awake, asleep, grandchild].map(presentOf));
  for (const branch of [awake, asleep, grandchild]) await write(branch, 'too late');
  await host.deleteEndpoint(parent.endpointId);
  await host.deleteTimeline(parent.timeline.timelineId);
  const past = [];
  for (const [index, branch] of [awake, asleep, grandchild].entries()) {
    past.push(await notes(await branchOf(branch, moments[index]!)));
  }
  expect(past).toEqual(['one,awake', 'one,asleep', 'one,awake']);
});

test('a branch cannot be had as of a time before it was made', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  const before = await presentOf(parent);
  const child = await branchOf(parent, head);
  await expect(host.resolvePoint(child.timeline.timelineId, before)).rejects.toMatchObject({
    code: 'point_not_available',
  });
});

test('the head is what was committed when it was asked for, also if it is used later', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  const { at } = await host.resolvePoint(parent.timeline.timelineId, head);
  await write(parent, 'two');
  expect(await notes(await branchOf(parent, at))).toBe('one');
});

test('a parent that was killed is branched with every row it had acknowledged', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one', 'two');
  await using connection = await connect(parent.socketPath);
  await connection.client.query('SELECT pg_sleep(0)');
  killPostgres(parent.timeline.timelineId);
  const child = await branchOf(parent, head);
  expect(await notes(child)).toBe('one,two');
});

test('roles of a branch get the passwords that its specification has', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  const roles = [{ name: 'neondb_owner', verifier: scramVerifier('another password') }];
  const child = await branchOf(parent, head, { roles, databases: [] });
  await expect(queryValue(child.socketPath, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  const login = { password: 'another password' };
  expect(await queryValue(child.socketPath, 'SELECT count(*) FROM notes', login)).toBe('1');
});

test('times that are not kept are refused with what is', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  const { timelineId } = parent.timeline;
  const past = { kind: 'time', at: '2001-01-01T00:00:00Z' } as const;
  const future = { kind: 'time', at: new Date(Date.now() + 60_000).toISOString() } as const;
  for (const at of [past, future, { kind: 'lsn', lsn: 'FFFFFF/0' } as const]) {
    await expect(host.resolvePoint(timelineId, at)).rejects.toMatchObject({
      code: 'point_not_available',
    });
  }
});

test('nothing is left of a branch that was deleted, nor of its past', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  const child = await branchOf(parent, head);
  await write(child, 'two');
  await branchOf(child, await presentOf(child));
  for (const { endpointId, timeline } of [child, parent]) {
    await host.deleteEndpoint(endpointId);
    await host.deleteTimeline(timeline.timelineId);
    const name = timeline.timelineId.replace('tl-', '');
    expect(trees().filter((tree) => tree.includes(name))).toEqual([]);
  }
});

function killPostgres(timelineId: TimelineId): void {
  for (const pid of postmasters(directory, timelineId)) process.kill(pid, 'SIGKILL');
}

test('a branch with the schema only has the definitions and no row of its source', async () => {
  const parent = await startTenant(host);
  await write(parent, 'a secret of the parent');
  await queryValue(parent.socketPath, 'CREATE VIEW shouted AS SELECT upper(text) FROM notes');
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  const { timelineId } = parent.timeline;
  const source = { kind: 'schema', timelineId, at: head } as const;
  await host.putTimeline({ ...parent.timeline, ...ids, source });
  const spec = { ...parent.endpoint, ...ids, endpointId: newEndpointId(region), generation: 1 };
  await host.putEndpoint(spec);
  const { socketPath } = await host.start(spec.endpointId);
  expect(await queryValue(socketPath, 'SELECT count(*) FROM shouted')).toBe('0');
  const tree = join(directory, 'host', 'volume', 'volume', 'trees', ids.timelineId);
  const { stdout } = await run('grep', ['-rlaF', 'a secret of the parent', tree]).catch(
    (error: { readonly stdout: string }) => error,
  );
  expect(stdout).toBe('');
});

test('the schema of a database is told as it is and as it was', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  const then = await presentOf(parent);
  await queryValue(parent.socketPath, 'ALTER TABLE notes ADD COLUMN later int');
  const { timelineId } = parent.timeline;
  const [present, past] = await Promise.all(
    [head, then].map((at) => host.schema(timelineId, { database: 'neondb', at })),
  );
  expect(present).toMatchObject({ sql: expect.stringContaining('later integer') as string });
  expect(past).toMatchObject({ sql: expect.not.stringContaining('later integer') as string });
  const { json } = await host.schema(timelineId, { database: 'neondb', at: then, format: 'json' });
  expect(json?.tables).toEqual([
    {
      schema: 'public',
      name: 'notes',
      columns: [
        { name: 'id', type: 'integer', nullable: false, generated: false },
        { name: 'text', type: 'text', nullable: true, generated: false },
      ],
      constraints: [],
    },
  ]);
  const missing = host.schema(timelineId, { database: 'nobody', at: head });
  await expect(missing).rejects.toMatchObject({ code: 'database_not_found' });
});

test('many branches of one point at once are made two at a time, and all have what they should', async () => {
  const parent = await startTenant(host);
  await write(parent, 'one');
  const { at } = await host.resolvePoint(parent.timeline.timelineId, head);
  await write(parent, 'two');
  let most = 0;
  const specs = Array.from({ length: 8 }, () => newTimelineId());
  const count = setInterval(() => {
    const place = join(directory, 'host', 'volume', 'volume', 'trees');
    const busy = specs.filter((id) => existsSync(join(place, id, 'postmaster.pid')));
    most = Math.max(most, busy.length);
  }, 5);
  const source = { kind: 'timeline', timelineId: parent.timeline.timelineId, at } as const;
  const initial = { roles: [], databases: [] };
  const put = (timelineId: TimelineId) =>
    host.putTimeline({
      ...parent.timeline,
      branchId: newBranchId(region),
      timelineId,
      source,
      initial,
    });
  try {
    const made = await Promise.all(specs.map(put));
    expect(new Set(made.map(({ origin }) => origin?.lsn)).size).toBe(1);
  } finally {
    clearInterval(count);
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(2);
  for (const timelineId of specs) await host.deleteTimeline(timelineId);
});
