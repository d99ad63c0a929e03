import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { PointInTime, TimelineSpec } from '@pgfleet/contract';
import { sleep, waitUntil } from '@pgfleet/kit';
import { beforeAll, expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import type { TimelineRecord } from '../timelines/timeline-record.ts';
import { connect, postmasters, queryValue, scramVerifier, startTenant } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const region = 'aws-us-east-2';
const MINUTE_MS = 60_000;
const { host, directory, reopen } = sharedTestHost({ volume: 'auto' });
let copies: boolean;
beforeAll(async () => {
  copies = (await host.info()).volumeDriver === 'copy';
});

const NOTES = `SELECT coalesce(string_agg(text, ' ' ORDER BY text), 'none') FROM notes`;
const SIZE = 'SELECT sum(pg_database_size(oid)) FROM pg_database WHERE NOT datistemplate';
const shop = { kind: 'create_database', name: 'shop', ownerName: 'neondb_owner' } as const;

async function tenantWithNotes(): Promise<Tenant> {
  const tenant = await startTenant(host);
  await queryValue(tenant.socketPath, 'CREATE TABLE notes (text text)');
  await queryValue(tenant.socketPath, `INSERT INTO notes VALUES ('before')`);
  return tenant;
}

interface Branch {
  readonly timeline: TimelineSpec;
  readonly at: PointInTime & { readonly kind: 'lsn' };
}

/** Makes a branch of the present that nothing is to be opened on; its parent writes on. */
async function branchOf(
  parent: Tenant,
  initial: TimelineSpec['initial'] = { roles: [], databases: [] },
): Promise<Branch> {
  const from = parent.timeline.timelineId;
  const { at } = (await host.resolvePoint(from, { kind: 'head' })) as Pick<Branch, 'at'>;
  await queryValue(parent.socketPath, `INSERT INTO notes VALUES ('later')`);
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  const source = { kind: 'timeline', timelineId: from, at } as const;
  const timeline = { ...parent.timeline, ...ids, source, initial };
  const { origin } = await host.putTimeline(timeline);
  expect(origin?.lsn).toBe(at.lsn);
  expect(Math.abs(Date.now() - Date.parse(origin?.at ?? ''))).toBeLessThan(MINUTE_MS);
  return { timeline, at };
}

async function notesOf({ timeline }: Branch, password?: string): Promise<unknown> {
  const { branchId, timelineId, projectId } = timeline;
  const endpointId = newEndpointId(region);
  const { endpoint } = template;
  await host.putEndpoint({
    ...endpoint,
    branchId,
    timelineId,
    projectId,
    endpointId,
    generation: 1,
  });
  const { socketPath } = await host.start(endpointId);
  await using session = await connect(socketPath, password === undefined ? {} : { password });
  return Object.values((await session.client.query(NOTES)).rows[0] as object)[0];
}

let template: Tenant;
beforeAll(async () => {
  template = await startTenant(host);
});

function isLeft({ timeline: { timelineId } }: Branch): boolean {
  const path = join(directory, 'host', 'timelines', `${timelineId}.json`);
  return 'pending' in (JSON.parse(readFileSync(path, 'utf8')) as TimelineRecord);
}

test('a branch that nothing opens is made without a recovery, and says what it will be like', async () => {
  const parent = await tenantWithNotes();
  const verifier = scramVerifier('another password');
  const roles = [{ name: 'neondb_owner', verifier }];
  const branch = await branchOf(parent, { roles, databases: [] });
  const { timelineId } = branch.timeline;
  expect(isLeft(branch)).toBe(!copies);
  const content = await host.content(timelineId, { changes: [] });
  expect(content.databases).toEqual([{ name: 'neondb', ownerName: 'neondb_owner' }]);
  expect(content.roles.map(({ name, verifier: has }) => ({ name, has }))).toEqual([
    { name: 'neondb_owner', has: verifier },
  ]);
  const status = await host.timeline(timelineId);
  const size = await queryValue(parent.socketPath, SIZE);
  expect(status.logicalBytes).toBeGreaterThan(0.9 * Number(size));
  expect(status.oldest).not.toBeNull();
  expect(isLeft(branch)).toBe(!copies);
  expect(postmasters(directory, timelineId)).toEqual([]);
  expect(await notesOf(branch, 'another password')).toBe('before');
  expect((await host.putTimeline(branch.timeline)).origin?.lsn).toBe(branch.at.lsn);
});

test('a branch that was never opened can be changed and asked at once', async () => {
  const branch = await branchOf(await tenantWithNotes());
  const { timelineId } = branch.timeline;
  const [changed, ...others] = await Promise.all([
    host.content(timelineId, { changes: [shop] }),
    host.timeline(timelineId),
    host.resolvePoint(timelineId, { kind: 'head' }),
    host.schema(timelineId, { database: 'neondb', at: { kind: 'head' } }),
    host.content(timelineId, { changes: [] }),
  ]);
  expect(changed.databases.map(({ name }) => name)).toEqual(['neondb', 'shop']);
  expect(others[2]).toMatchObject({ sql: expect.stringContaining('notes') as string });
  expect(isLeft(branch)).toBe(false);
  expect(await notesOf(branch)).toBe('before');
});

test('a database that is made while a branch is taken is in both or in none', async () => {
  const parent = await tenantWithNotes();
  const { timelineId: from } = parent.timeline;
  const making = host.content(from, { changes: [shop] });
  const branches: Branch[] = [];
  for (let count = 0; count < 5; count++) branches.push(await branchOf(parent));
  await making;
  for (const branch of branches) {
    const { timelineId } = branch.timeline;
    const told = await host.content(timelineId, { changes: [] });
    const role = { kind: 'create_role', name: 'other', verifier: scramVerifier('x') } as const;
    const found = await host.content(timelineId, { changes: [role] });
    expect(told.databases).toEqual(found.databases);
  }
});

test('a branch that was never opened survives its parent and a start of the host', async () => {
  const parent = await tenantWithNotes();
  const branch = await branchOf(parent);
  await host.deleteEndpoint(parent.endpointId);
  await host.deleteTimeline(parent.timeline.timelineId);
  await reopen();
  expect(isLeft(branch)).toBe(!copies);
  expect(await notesOf(branch)).toBe('before');
});

test('a branch can be had as of any moment since it was made, whenever it was recovered', async () => {
  const branch = await branchOf(await tenantWithNotes());
  const { timelineId } = branch.timeline;
  await sleep(1100);
  const at = { kind: 'time', at: new Date().toISOString() } as const;
  await sleep(1100);
  await host.content(timelineId, { changes: [shop] });
  expect((await host.resolvePoint(timelineId, at)).at).toEqual(at);
  const child: TimelineSpec = {
    ...branch.timeline,
    branchId: newBranchId(region),
    timelineId: newTimelineId(),
    source: { kind: 'timeline', timelineId, at },
  };
  await host.putTimeline(child);
  expect(await notesOf({ ...branch, timeline: child })).toBe('before');
});

test('whoever asks again for what is in a branch finds what was begun for the first one', async (context) => {
  context.skip(copies, 'a volume that copies leaves no recovery to a launch');
  const branch = await branchOf(await tenantWithNotes());
  const { timelineId } = branch.timeline;
  await expect(
    host.resolvePoint(timelineId, { kind: 'head' }, { timeoutMs: 100 }),
  ).rejects.toThrow();
  await waitUntil(() => !isLeft(branch), { what: 'the branch to be whole', timeoutMs: 30_000 });
});

/** A tenant with a point of history that is its own, and runs behind it. */
async function tenantWithPoint(): Promise<Tenant> {
  const tenant = await tenantWithNotes();
  const { timelineId } = tenant.timeline;
  await queryValue(
    tenant.socketPath,
    `SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1048576)))
      FROM generate_series(1, 20)`,
  );
  await host.suspend(tenant.endpointId);
  const isFrozen = async () => (await host.timeline(timelineId)).points > 1;
  await waitUntil(isFrozen, { what: 'a point of history', timeoutMs: 30_000 });
  return { ...tenant, ...(await host.start(tenant.endpointId)) };
}

test('where clones take long the data of a branch that nothing opens is cloned when it is needed', async () => {
  const parent = await tenantWithPoint();
  const { volumeDriver } = await host.info();
  const branches = [await branchOf(parent), await branchOf(parent), await branchOf(parent)];
  const [opened, changed, later] = branches as [Branch, Branch, Branch];
  const trees = join(directory, 'host', 'volume', 'volume', 'trees');
  for (const { timeline } of branches) {
    const databases = readdirSync(join(trees, timeline.timelineId, 'base'));
    expect(databases.length === 0).toBe(volumeDriver === 'reflink');
  }
  expect(await notesOf(opened)).toBe('before');
  const content = await host.content(changed.timeline.timelineId, { changes: [shop] });
  expect(content.databases.map(({ name }) => name)).toEqual(['neondb', 'shop']);
  expect(await notesOf(changed)).toBe('before later');
  await host.deleteEndpoint(parent.endpointId);
  await host.deleteTimeline(parent.timeline.timelineId);
  await reopen();
  expect(await notesOf(later)).toBe('before later later');
  expect(readdirSync(trees).filter((tree) => tree.startsWith('old-'))).toEqual([]);
});
