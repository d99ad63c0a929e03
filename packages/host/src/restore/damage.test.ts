import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { PointInTime, TimelineSpec } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { beforeAll, expect, test } from 'vitest';
import { parseLsn, parseSegmentName } from '../history/wal-segment.ts';
import type { HistoryRecord, PointRecord } from '../history/history-record.ts';
import { sharedTestHost } from '../shared-test-host.ts';
import { presentOf, queryValue, startTenant } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const region = 'aws-us-east-2';
const { host, directory } = sharedTestHost({ volume: 'auto' });
/** Whose files are damaged by one test after the other, and whole again after each. */
let shared: Past;
beforeAll(async () => {
  shared = await tenantWithPast();
});

interface Past extends Tenant {
  /** What had been written at which LSN, a segment of WAL apart from each other. */
  readonly steps: readonly { readonly at: PointInTime & { kind: 'lsn' }; readonly rows: string }[];
  readonly time: PointInTime;
}

/** A tenant at rest whose finished WAL is in its store, with steps in several segments. */
async function tenantWithPast(): Promise<Past> {
  const tenant = await startTenant(host);
  const { timelineId } = tenant.timeline;
  const steps = [];
  let time: PointInTime = { kind: 'head' };
  await queryValue(tenant.socketPath, 'CREATE TABLE notes (id serial, filler text)');
  for (let rows = 1; rows <= 4; rows++) {
    await queryValue(tenant.socketPath, `INSERT INTO notes (filler) VALUES (repeat('x', 100))`);
    const { at } = await host.resolvePoint(timelineId, { kind: 'head' });
    steps.push({ at: at as PointInTime & { kind: 'lsn' }, rows: String(rows) });
    if (rows === 3) time = await presentOf(tenant);
    await queryValue(tenant.socketPath, SEGMENT_OF_WAL);
  }
  await host.suspend(tenant.endpointId);
  const isKept = () => history(tenant).points.length === 2 && stored(tenant).length >= 4;
  await waitUntil(isKept, { what: 'a point and the WAL before it', timeoutMs: 30_000 });
  return { ...tenant, steps, time };
}

const SEGMENT_OF_WAL = `SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1048576)))
  FROM generate_series(1, 17)`;

const trees = () => join(directory, 'host', 'volume', 'volume', 'trees');

function history({ timeline }: Pick<Tenant, 'timeline'>): HistoryRecord {
  const path = join(directory, 'host', 'history', `${timeline.timelineId}.json`);
  return JSON.parse(readFileSync(path, 'utf8')) as HistoryRecord;
}

function stored({ timeline }: Pick<Tenant, 'timeline'>): readonly string[] {
  const tree = join(trees(), `wal-${timeline.timelineId}`);
  return readdirSync(tree)
    .filter((name) => parseSegmentName(name))
    .sort()
    .map((name) => join(tree, name));
}

/** The stored segment that contains an LSN. */
function segmentOf(tenant: Tenant, { lsn }: { readonly lsn: string }): string {
  const place = parseLsn(lsn);
  return stored(tenant).find((path) => {
    const segment = parseSegmentName(path.slice(-24))!;
    return segment.start <= place && place < segment.end;
  })!;
}

/** Makes a branch as of a point, with an endpoint, and starts it. */
async function branch(
  { timeline, endpoint }: Tenant,
  at: PointInTime,
  options: Pick<TimelineSpec, 'opensAtOnce'> = {},
): Promise<Tenant> {
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  const source = { kind: 'timeline', timelineId: timeline.timelineId, at } as const;
  const child = { ...timeline, ...ids, source, initial: { roles: [], databases: [] }, ...options };
  await host.putTimeline(child);
  const spec = { ...endpoint, ...ids, endpointId: newEndpointId(region), generation: 1 };
  await host.putEndpoint(spec);
  const { socketPath } = await host.start(spec.endpointId);
  return { timeline: child, endpoint: spec, endpointId: spec.endpointId, socketPath };
}

/** How many notes a branch as of a point has. */
async function notesAt(
  tenant: Tenant,
  at: PointInTime,
  options?: Pick<TimelineSpec, 'opensAtOnce'>,
): Promise<unknown> {
  const { socketPath } = await branch(tenant, at, options);
  return queryValue(socketPath, 'SELECT count(*) FROM notes');
}

/** Puts a file or tree back as it was. */
function wholeAgain(path: string): Disposable {
  const copy = join(directory, 'whole');
  cpSync(path, copy, { recursive: true });
  return {
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
      cpSync(copy, path, { recursive: true });
      rmSync(copy, { recursive: true });
    },
  };
}

const damaged = { code: 'history_damaged' };

function overwrite(path: string, from: number, to: number): void {
  const bytes = readFileSync(path);
  bytes.fill(0, from, to);
  writeFileSync(path, bytes);
}

interface WalDamage {
  readonly damage: (path: string) => void;
  /** How much of the segment is left, and not lost. */
  readonly wholeBytes: number;
}

const walDamages: Readonly<Record<string, WalDamage>> = {
  removed: { damage: (path) => rmSync(path), wholeBytes: 0 },
  'cut short': { damage: (path) => truncateSync(path, 9_000_000), wholeBytes: 0 },
  'zeroed in its middle': {
    damage: (path) => overwrite(path, 4_000_000, 8_000_000),
    wholeBytes: 4_000_000,
  },
};

test.for(Object.entries(walDamages))(
  'what needs a segment that was %s fails, is named as lost, and nothing else is',
  async ([, { damage, wholeBytes }]) => {
    const [first, second, third, fourth] = shared.steps;
    const path = segmentOf(shared, third!.at);
    const segment = parseSegmentName(path.slice(-24))!;
    using _whole = wholeAgain(path);
    damage(path);
    await expect(notesAt(shared, fourth!.at)).rejects.toMatchObject(damaged);
    await expect(notesAt(shared, shared.time)).rejects.toMatchObject(damaged);
    expect(await notesAt(shared, first!.at)).toBe(first!.rows);
    expect(await notesAt(shared, second!.at)).toBe(second!.rows);
    expect(await notesAt(shared, { kind: 'head' })).toBe('4');
    const { lost } = await host.timeline(shared.timeline.timelineId);
    const from = parseLsn(lost.at(-1)!.fromLsn);
    expect(from).toBeGreaterThanOrEqual(segment.start);
    expect(from).toBeLessThanOrEqual(segment.start + BigInt(wholeBytes));
    for (const { fromLsn, toLsn } of lost) {
      expect(parseLsn(fromLsn)).toBeGreaterThanOrEqual(segment.start);
      expect(toLsn).toBe(history(shared).points[1]!.consistentLsn);
    }
  },
);

test('what needs a record that was changed fails, and names where it is', async () => {
  const [, second, third, fourth] = shared.steps;
  const path = segmentOf(shared, third!.at);
  const segment = parseSegmentName(path.slice(-24))!;
  using _whole = wholeAgain(path);
  // In the filler that follows the third step.
  overwrite(path, 15_000_000, 15_000_010);
  await expect(notesAt(shared, fourth!.at)).rejects.toMatchObject(damaged);
  expect(await notesAt(shared, second!.at)).toBe(second!.rows);
  expect(await notesAt(shared, third!.at)).toBe(third!.rows);
  const { lost } = await host.timeline(shared.timeline.timelineId);
  const from = parseLsn(lost.at(-1)!.fromLsn);
  expect(from).toBeGreaterThan(segment.start);
  expect(from).toBeLessThanOrEqual(segment.start + 15_000_000n);
});

const pointDamages: Readonly<Record<string, (tree: string) => void>> = {
  'lost a file': (tree) =>
    rmSync(join(tree, 'base', '5', readdirSync(join(tree, 'base', '5'))[3]!)),
  'lost half a file': (tree) => truncateSync(join(tree, 'pg_xact', '0000'), 4096),
  'has a torn control file': (tree) => overwrite(join(tree, 'global', 'pg_control'), 0, 64),
  'is gone': (tree) => rmSync(tree, { recursive: true }),
};

test.for(Object.entries(pointDamages))(
  'a point that %s is passed over for the one before it',
  async ([, damage]) => {
    const { timelineId } = shared.timeline;
    await host.start(shared.endpointId);
    const { at } = await host.resolvePoint(timelineId, { kind: 'head' });
    const last = history(shared).points.at(-1) as PointRecord;
    const { lost } = history(shared);
    const tree = join(trees(), last.tree);
    using _whole = wholeAgain(tree);
    damage(tree);
    expect(await notesAt(shared, at)).toBe('4');
    expect((await host.timeline(timelineId)).lost).toEqual(lost);
  },
);

test('a branch that is opened at once fails at damage, which is named, or finds a way around it', async () => {
  const atOnce = { opensAtOnce: true };
  const { timelineId } = shared.timeline;
  const [, second, third, fourth] = shared.steps;
  const path = segmentOf(shared, third!.at);
  {
    using _whole = wholeAgain(path);
    overwrite(path, 15_000_000, 15_000_010);
    await expect(notesAt(shared, fourth!.at, atOnce)).rejects.toMatchObject(damaged);
    const { lost } = await host.timeline(timelineId);
    expect(parseLsn(lost.at(-1)!.fromLsn)).toBeGreaterThan(
      parseSegmentName(path.slice(-24))!.start,
    );
    expect(await notesAt(shared, second!.at, atOnce)).toBe(second!.rows);
    expect(await notesAt(shared, third!.at, atOnce)).toBe(third!.rows);
  }
  expect(await notesAt(shared, fourth!.at, atOnce)).toBe(fourth!.rows);
  await host.start(shared.endpointId);
  const { at } = await host.resolvePoint(timelineId, { kind: 'head' });
  for (const damage of Object.values(pointDamages)) {
    const tree = join(trees(), history(shared).points.at(-1)!.tree);
    using _whole = wholeAgain(tree);
    damage(tree);
    expect(await notesAt(shared, at, atOnce)).toBe('4');
  }
});

test('what needs a point without another one before it fails, until there is a new one', async () => {
  const child = await branch(shared, { kind: 'head' });
  const { timelineId } = child.timeline;
  await queryValue(child.socketPath, 'INSERT INTO notes DEFAULT VALUES');
  const { at } = await host.resolvePoint(timelineId, { kind: 'head' });
  const [beginning] = history(child).points;
  rmSync(join(trees(), beginning!.tree, 'global', '1260'));
  await expect(notesAt(child, at)).rejects.toMatchObject(damaged);
  const lost = async () => (await host.timeline(timelineId)).lost;
  expect(await lost()).toMatchObject([{ fromLsn: beginning!.consistentLsn }]);
  // The next look of the host takes a point, and what comes after it can be restored again.
  await expect
    .poll(lost, { timeout: 30_000 })
    .toMatchObject([{ toLsn: expect.any(String) as string }]);
  await queryValue(child.socketPath, 'INSERT INTO notes DEFAULT VALUES');
  expect(await notesAt(child, { kind: 'head' })).toBe('6');
  await expect(notesAt(child, at)).rejects.toMatchObject(damaged);
});
