import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  maskingFunctions,
  newBranchId,
  newEndpointId,
  newTimelineId,
  plainFunctions,
} from '@pgfleet/contract';
import type { EndpointSpec, MaskingRule, TimelineSpec } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { connect, queryValue, startTenant, testPassword } from '../test-host.ts';

const region = 'aws-us-east-2';
const CLEAR = '@clear.example';
const head = { kind: 'head' } as const;
const { host, directory, reopen } = sharedTestHost();

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

const treesDir = () => join(directory, 'host', 'volume', 'volume', 'trees');

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

/** A call of every function that rules may call, but for what is called without arguments. */
const samples: Readonly<Record<string, string>> = {
  'anon.lorem_ipsum': 'anon.lorem_ipsum(words := 3)',
  'anon.random_bigint_between': 'anon.random_bigint_between(5000000000, 5000000009)',
  'anon.random_date_between': "anon.random_date_between('2001-02-03', '2001-02-04')",
  'anon.random_int_between': 'anon.random_int_between(5, 6)',
  'anon.random_phone': "anon.random_phone('+49')",
  'anon.random_string': 'anon.random_string(7)',
  'anon.noise': 'anon.noise(id, 0.5)',
  'anon.dnoise': "anon.dnoise('2001-02-03'::date, '2 days')",
  'anon.hash': 'anon.hash(id)',
  'anon.digest': "anon.digest(clear, 'salt', 'sha384')",
  'anon.partial': "anon.partial(clear, 1, '***', 2)",
  'anon.partial_email': "anon.partial_email('daamien@gmail.com')",
  'pg_catalog.concat': "pg_catalog.concat(id, '-', true)",
  'pg_catalog.concat_ws': "pg_catalog.concat_ws('-', id, 2)",
  'pg_catalog.date_trunc': "pg_catalog.date_trunc('year', '2001-02-03'::timestamp)",
  'pg_catalog.initcap': 'pg_catalog.initcap(clear)',
  'pg_catalog.left': 'pg_catalog.left(clear, 2)',
  'pg_catalog.lower': 'pg_catalog.lower(clear)',
  'pg_catalog.lpad': "pg_catalog.lpad('7', 3, '0')",
  'pg_catalog.md5': 'pg_catalog.md5(clear)',
  'pg_catalog.repeat': "pg_catalog.repeat('ab', 2)",
  'pg_catalog.replace': "pg_catalog.replace(clear, 'e', 'x')",
  'pg_catalog.reverse': 'pg_catalog.reverse(clear)',
  'pg_catalog.right': 'pg_catalog.right(clear, 2)',
  'pg_catalog.round': 'pg_catalog.round(1.26, 1)',
  'pg_catalog.rpad': "pg_catalog.rpad('7', 3, '0')",
  'pg_catalog.split_part': "pg_catalog.split_part('a-b', '-', 2)",
  'pg_catalog.substr': 'pg_catalog.substr(clear, 2, 3)',
  'pg_catalog.to_char': "pg_catalog.to_char('2001-02-03'::date, 'YYYY')",
  'pg_catalog.upper': 'pg_catalog.upper(clear)',
};

/** What some of the values are like. */
const shapes: Readonly<Record<string, RegExp>> = {
  'anon.fake_email': /^[a-z]+\.[a-z]+\d{7}@example\.(com|net|org)$/,
  'anon.fake_iban': /^DE\d{20}$/,
  'anon.dummy_credit_card_number': /^4\d{15}$/,
  'anon.dummy_ipv4': /^192\.0\.2\.\d+$/,
  'anon.lorem_ipsum': /^\w+ \w+ \w+$/,
  'anon.random_bigint_between': /^500000000\d$/,
  'anon.random_date_between': /^2001-02-0[34] /,
  'anon.random_int_between': /^[56]$/,
  'anon.random_phone': /^\+49\d{9}$/,
  'anon.random_string': /^[A-Z]{7}$/,
  'anon.dnoise': /^2001-02-0[1-5]$/,
  'anon.hash': /^[0-9a-f]{64}$/,
  'anon.digest': /^[0-9a-f]{96}$/,
  'anon.partial': /^s\*\*\*et$/,
  'anon.partial_email': /^da\*{6}@gm\*{6}\.com$/,
  'pg_catalog.concat': /^\d+-t$/,
  'pg_catalog.round': /^1\.3$/,
};

test('every function that rules may call is there and gives a value for each row', async () => {
  const names = [
    ...Object.keys(maskingFunctions).map((name) => `anon.${name}`),
    ...Object.keys(plainFunctions).map((name) => `pg_catalog.${name}`),
  ];
  const seeded = (name: string) => name.startsWith('anon.pseudo_');
  const calls = names.map(
    (name) => samples[name] ?? (seeded(name) ? `${name}(clear)` : `${name}()`),
  );
  const parent = await startTenant(host);
  {
    await using session = await connect(parent.socketPath);
    const columns = names.map((name) => `"${name}" text`).join(', ');
    await session.client.query(`CREATE TABLE users (id int, clear text, ${columns})`);
    await session.client.query(
      `INSERT INTO users (id, clear) SELECT i, 'secret' FROM generate_series(1, 40) i`,
    );
  }
  const masked = await copyOf(parent.timeline, {
    kind: 'masked',
    timelineId: parent.timeline.timelineId,
    at: head,
    rules: names.map((name, index) => rule(name, calls[index]!)),
  });
  const { socketPath } = await host.start((await endpointOf(masked, parent.endpoint)).endpointId);
  await using session = await connect(socketPath);
  const { rows } = await session.client.query<Record<string, string | null>>('SELECT * FROM users');
  const isOdd = (name: string) => {
    const values = rows.map((row) => row[name] ?? '');
    if (!values.every((value) => (shapes[name] ?? /./).test(value))) return true;
    const isRandom = /fake|dummy|random_(string|date$|zip|phone)/.test(name);
    const count = new Set(values).size;
    return (isRandom && count === 1) || (seeded(name) && count > 1);
  };
  expect(names.filter(isOdd)).toEqual([]);
  const luhn = (digits: string) =>
    Array.from(digits).reduce((sum, digit, i) => {
      const doubled = Number(digit) * (i % 2 === 0 ? 2 : 1);
      return sum + (doubled > 9 ? doubled - 9 : doubled);
    }, 0) % 10;
  const mod97 = (iban: string) => Number(BigInt(`${iban.slice(4)}1314${iban.slice(2, 4)}`) % 97n);
  for (const row of rows) {
    expect(luhn(row['anon.dummy_credit_card_number']!)).toBe(0);
    expect(mod97(row['anon.fake_iban']!)).toBe(1);
    expect(mod97(row['anon.pseudo_iban']!)).toBe(1);
  }
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

test('rules are compared with what there is, whether it runs or rests', async () => {
  const { parent, branch } = await tenantWithBranch();
  const good = { rules: [rule('email', 'anon.fake_email()')] };
  const bad = { rules: [rule('nope', 'anon.fake_email()')] };
  for (const { timelineId } of [parent.timeline, branch]) {
    await host.checkMasking(timelineId, good);
    await expect(host.checkMasking(timelineId, bad)).rejects.toMatchObject({
      code: 'masking_refused',
      message: 'the table neondb.public.users has no column nope',
    });
  }
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
  await reopen();
  expect(await interrupted).toBeInstanceOf(Error);
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
