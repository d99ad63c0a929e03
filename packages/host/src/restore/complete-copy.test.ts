import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { PointInTime, TimelineSpec } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
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
afterEach(() => vi.useRealTimers());

const NOTES = `SELECT coalesce(string_agg(text, ' ' ORDER BY text), 'none') FROM notes`;
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
  const { timelineId: from } = parent.timeline;
  await waitUntil(async () => (await host.timeline(from)).logicalBytes !== null, {
    what: 'the parent to be measured',
    timeoutMs: 90_000,
    intervalMs: 500,
  });
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
  expect(status.logicalBytes).toBeGreaterThan(5_000_000);
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

test('a branch that nobody opens is recovered in a quiet moment, and then needs nothing of its parent', async (context) => {
  context.skip(copies, 'a volume that copies leaves no recovery to a launch');
  const parent = await tenantWithNotes();
  const branch = await branchOf(parent);
  const tidyUp = (historyRetentionSeconds: number) =>
    host.putTimeline({ ...branch.timeline, historyRetentionSeconds });
  await tidyUp(3600);
  expect(isLeft(branch)).toBe(true);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11 * MINUTE_MS });
  await tidyUp(1800);
  expect(isLeft(branch)).toBe(false);
  expect(postmasters(directory, branch.timeline.timelineId)).toEqual([]);
  vi.useRealTimers();
  const history = join(directory, 'host', 'history', `${branch.timeline.timelineId}.json`);
  expect(existsSync(history)).toBe(true);
  expect(await notesOf(branch)).toBe('before');
  expect((await host.putTimeline(branch.timeline)).origin?.lsn).toBe(branch.at.lsn);
});
