import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { EndpointSpec, HostClient, MaskingRule, TimelineSpec } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  connect,
  openTestHost,
  queryValue,
  startTenant,
  testDirectory,
  testPassword,
} from '../test-host.ts';

const region = 'aws-us-east-2';
const CLEAR = '@clear.example';
const head = { kind: 'head' } as const;
let directory: Awaited<ReturnType<typeof testDirectory>>;
let opened: Awaited<ReturnType<typeof openTestHost>>;
let host: HostClient;
beforeAll(async () => {
  directory = await testDirectory();
  opened = await openTestHost(directory.path);
  ({ host } = opened);
});
afterAll(async () => {
  await opened[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const rule = (column: string, masking_function: string): MaskingRule => ({
  database_name: 'neondb',
  schema_name: 'public',
  table_name: 'users',
  column_name: column,
  masking_function,
});

/** A tenant with a table of users, and a branch of it that is at rest. */
async function tenantWithBranch() {
  const parent = await startTenant(host);
  {
    await using session = await connect(parent.socketPath);
    await session.client.query('CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL)');
    await session.client.query(
      `INSERT INTO users SELECT i, 'user' || i || '${CLEAR}' FROM generate_series(1, 500) i`,
    );
    await session.client.query('CREATE INDEX ON users (email)');
    await session.client.query('ANALYZE users');
  }
  const branch = await copyOf(parent.timeline, {
    kind: 'timeline',
    timelineId: parent.timeline.timelineId,
    at: head,
  });
  return { parent, branch };
}

async function copyOf(like: TimelineSpec, source: TimelineSpec['source']): Promise<TimelineSpec> {
  const spec: TimelineSpec = {
    ...like,
    branchId: newBranchId(region),
    timelineId: newTimelineId(),
    source,
    initial: { roles: [], databases: [] },
  };
  await host.putTimeline(spec);
  return spec;
}

async function endpointOf(
  { branchId, timelineId }: TimelineSpec,
  like: EndpointSpec,
  change: Partial<EndpointSpec> = {},
): Promise<EndpointSpec> {
  const spec = { ...like, branchId, timelineId, endpointId: newEndpointId(region), ...change };
  await host.putEndpoint(spec);
  return spec;
}

const treesDir = () => join(directory.path, 'host', 'volume', 'volume', 'trees');

/** Names of files in trees of the volume that have a text inside. */
function filesWith(text: string, trees: readonly string[]): Promise<string> {
  const paths = trees.map((tree) => join(treesDir(), tree));
  return promisify(execFile)('grep', ['-rlaF', '--', text, ...paths]).then(
    ({ stdout }) => stdout,
    (error: { code: number }) => {
      if (error.code === 1) return '';
      throw error;
    },
  );
}

test('a masked timeline has no trace of what was masked, and its source all of it', async () => {
  const { parent, branch } = await tenantWithBranch();
  expect(await filesWith(CLEAR, [branch.timelineId])).not.toBe('');
  const masked = await copyOf(parent.timeline, {
    kind: 'masked',
    timelineId: branch.timelineId,
    at: head,
    rules: [rule('email', "anon.partial(email, 1, '***', 0)")],
  });
  expect(await filesWith(CLEAR, [masked.timelineId])).toBe('');
  const { socketPath } = await host.start((await endpointOf(masked, parent.endpoint)).endpointId);
  expect(await queryValue(socketPath, 'SELECT min(email) || max(email) FROM users')).toBe(
    'u***u***',
  );
  expect(await queryValue(parent.socketPath, 'SELECT email FROM users WHERE id = 7')).toBe(
    `user7${CLEAR}`,
  );
  // Once it runs it has a point of history and WAL of its own.
  const own = (name: string) => name.includes(masked.timelineId.replace('tl-', ''));
  const trees = (await readdir(treesDir())).filter(own);
  expect(trees.length).toBeGreaterThan(1);
  expect(await filesWith(CLEAR, trees)).toBe('');
});

test('nobody gets behind the masking, and everybody to any point after it', async () => {
  const { parent, branch } = await tenantWithBranch();
  const before = (await host.resolvePoint(branch.timelineId, head)).at;
  const atBefore = { kind: 'time', at: new Date().toISOString() } as const;
  const masked = await copyOf(parent.timeline, {
    kind: 'masked',
    timelineId: branch.timelineId,
    at: head,
    rules: [rule('email', 'anon.fake_email()')],
  });
  for (const at of [before, atBefore]) {
    await expect(
      copyOf(parent.timeline, { kind: 'timeline', timelineId: masked.timelineId, at }),
    ).rejects.toMatchObject({ code: 'point_not_available' });
  }
  const endpoint = await endpointOf(masked, parent.endpoint);
  const { socketPath } = await host.start(endpoint.endpointId);
  await queryValue(socketPath, 'DELETE FROM users WHERE id > 10');
  const { at } = await host.resolvePoint(masked.timelineId, head);
  await queryValue(socketPath, 'DELETE FROM users');
  const restored = await copyOf(parent.timeline, {
    kind: 'timeline',
    timelineId: masked.timelineId,
    at,
  });
  const again = await host.start((await endpointOf(restored, parent.endpoint)).endpointId);
  expect(await queryValue(again.socketPath, 'SELECT count(*)::int FROM users')).toBe(10);
  expect(
    await queryValue(
      again.socketPath,
      `SELECT count(*)::int FROM users WHERE email LIKE '%${CLEAR}'`,
    ),
  ).toBe(0);
});

test('rules that cannot be followed leave nothing, and say why without a value', async () => {
  const { parent, branch } = await tenantWithBranch();
  const source = { kind: 'masked', timelineId: branch.timelineId, at: head } as const;
  const spec: TimelineSpec = {
    ...branch,
    timelineId: newTimelineId(),
    source: { ...source, rules: [rule('id', 'anon.hash(email)')] },
  };
  const refusal: unknown = await host.putTimeline(spec).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'masking_refused' });
  expect((refusal as Error).message).toContain('neondb.public.users cannot be masked');
  expect((refusal as Error).message).not.toContain('user1');
  await expect(host.timeline(spec.timelineId)).rejects.toMatchObject({
    code: 'timeline_not_found',
  });
  await host.putTimeline({
    ...spec,
    source: { ...source, rules: [rule('email', 'anon.hash(email)')] },
  });
  const { socketPath } = await host.start((await endpointOf(spec, parent.endpoint)).endpointId);
  expect(await queryValue(socketPath, 'SELECT max(length(email)) FROM users')).toBe(64);
});

test('a host that stops in the middle of masking is asked again after its next start', async () => {
  const { parent, branch } = await tenantWithBranch();
  const spec: TimelineSpec = {
    ...branch,
    timelineId: newTimelineId(),
    source: {
      kind: 'masked',
      timelineId: branch.timelineId,
      at: head,
      rules: [rule('email', 'anon.fake_email()')],
    },
  };
  const interrupted = host.putTimeline(spec).catch((error: unknown) => error);
  const isRunning = () =>
    readdir(join(treesDir(), spec.timelineId)).then(
      (names) => names.includes('postmaster.pid') || undefined,
      () => undefined,
    );
  await waitUntil(isRunning, { what: 'the masking to run', timeoutMs: 60_000 });
  await opened[Symbol.asyncDispose]();
  expect(await interrupted).toBeInstanceOf(Error);
  opened = await openTestHost(directory.path);
  ({ host } = opened);
  await expect(host.timeline(spec.timelineId)).rejects.toMatchObject({
    code: 'timeline_not_found',
  });
  await host.putTimeline(spec);
  expect(await filesWith(CLEAR, [spec.timelineId])).toBe('');
  const { socketPath } = await host.start((await endpointOf(spec, parent.endpoint)).endpointId);
  expect(await queryValue(socketPath, 'SELECT count(*)::int FROM users')).toBe(500);
});

test('nobody gets into an endpoint whose data is not masked yet, now or in the past', async () => {
  const { parent, branch } = await tenantWithBranch();
  const endpoint = await endpointOf(branch, parent.endpoint, { unmasked: true });
  const { endpointId } = endpoint;
  await expect(host.start(endpointId)).rejects.toMatchObject({ code: 'branch_unmasked' });
  expect(await host.login(endpointId, { role: 'neondb_owner' })).toMatchObject({ unmasked: true });
  const role = { name: 'neondb_owner', verifier: testPassword };
  await expect(host.timeTravel({ endpointId, at: head, role })).rejects.toMatchObject({
    code: 'branch_unmasked',
  });
  await host.putEndpoint({ ...endpoint, unmasked: false, generation: 2 });
  expect((await host.start(endpointId)).started).toBe(true);
  await host.putEndpoint({ ...endpoint, generation: 3 });
  await host.suspend(endpointId);
  await expect(host.start(endpointId)).rejects.toMatchObject({ code: 'branch_unmasked' });
});
