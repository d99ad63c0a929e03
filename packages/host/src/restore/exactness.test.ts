import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import type { PointInTime } from '@pgfleet/contract';
import { retry } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { formatLsn } from '../history/wal-segment.ts';
import { sharedTestHost } from '../shared-test-host.ts';
import { connect, postmasters, queryValue, startTenant } from '../test-host.ts';
import { Ledger } from './test-ledger.ts';

/*
 * A restore to a point holds exactly what was committed until then, whatever went on.
 *
 * PGFLEET_TEST_TARGETS makes it longer, PGFLEET_TEST_SEED repeats a run's choices.
 */

type Tenant = Awaited<ReturnType<typeof startTenant>>;

const targetCount = Number(process.env['PGFLEET_TEST_TARGETS'] ?? 10);
const seed = Number(process.env['PGFLEET_TEST_SEED'] ?? Date.now() % 1_000_000);
const MUCH_WAL = `SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1048576)))
  FROM generate_series(1, 24)`;
const region = 'aws-us-east-2';
const { host, directory } = sharedTestHost({ volume: 'auto' });

test('a restore has every transaction committed before its point and none begun after it', {
  timeout: 120_000 + targetCount * 10_000,
}, async () => {
  const random = randomFrom(seed);
  const tenant = await startTenant(host, { pgSettings: { max_prepared_transactions: '20' } });
  const socketPath = async () => (await host.start(tenant.endpointId)).socketPath;
  const ledger = new Ledger({ sessions: 4, random, socketPath });
  await ledger.prepare();
  const begin = await ledger.now();
  const writing = ledger.write();
  const total = { seed, targets: 0, rows: 0, committed: 0, points: 0, mismatches: 0 };
  try {
    for (let target = 0; target < targetCount; target++) {
      await disturb(tenant, target);
      const end = await ledger.now();
      const at = pick({ begin, end, random });
      const { rows, mismatches } = await inCopy(tenant, at, (client) => ledger.compare(client, at));
      expect({ seed, at, mismatches: mismatches.slice(0, 10) }).toEqual({
        seed,
        at,
        mismatches: [],
      });
      total.targets++;
      total.rows += rows;
      total.mismatches += mismatches.length;
    }
  } finally {
    ledger.stop();
    await writing;
  }
  total.points = (await host.timeline(tenant.timeline.timelineId)).points;
  total.committed = ledger.entries.length;
  process.stdout.write(`exactness: ${JSON.stringify(total)}\n`);
  expect(total.rows).toBeGreaterThan(0);
});

/** What happens to a cluster in the middle of the writing, one thing after the other. */
async function disturb(tenant: Tenant, turn: number): Promise<void> {
  const socketPath = async () => (await host.start(tenant.endpointId)).socketPath;
  // Enough WAL in all for points of history between the targets.
  await retry(async () => queryValue(await socketPath(), MUCH_WAL), {
    attempts: 20,
    baseMs: 50,
    capMs: 500,
  });
  const events = [
    async () => queryValue(await socketPath(), 'VACUUM FULL ledger'),
    async () => queryValue(await socketPath(), 'CREATE DATABASE doomed'),
    async () => host.suspend(tenant.endpointId),
    async () => queryValue(await socketPath(), 'DROP DATABASE IF EXISTS doomed WITH (FORCE)'),
    async () => queryValue(await socketPath(), 'CHECKPOINT').catch(() => undefined),
    async () => {
      const pids = postmasters(directory, tenant.timeline.timelineId);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
    },
  ];
  await events[turn % events.length]?.();
}

interface Picking {
  readonly begin: { readonly micros: number; readonly lsn: bigint };
  readonly end: { readonly micros: number; readonly lsn: bigint };
  readonly random: () => number;
}

function pick({ begin, end, random }: Picking): PointInTime {
  const share = random();
  if (random() < 0.5) {
    const span = Number(end.lsn - begin.lsn);
    return { kind: 'lsn', lsn: formatLsn(begin.lsn + BigInt(Math.floor(span * share))) };
  }
  const micros = begin.micros + Math.floor((end.micros - begin.micros) * share);
  const at = new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1);
  return { kind: 'time', at: `${at}${String(micros % 1000).padStart(3, '0')}Z` };
}

/** Restores into a timeline of its own, reads it through an endpoint of its own, deletes both. */
async function inCopy<T>(
  { timeline, endpoint }: Tenant,
  at: PointInTime,
  work: (client: Awaited<ReturnType<typeof connect>>['client']) => Promise<T>,
): Promise<T> {
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  const source = { kind: 'timeline', timelineId: timeline.timelineId, at } as const;
  await host.putTimeline({ ...timeline, ...ids, source, initial: { roles: [], databases: [] } });
  const endpointId = newEndpointId(region);
  try {
    await host.putEndpoint({ ...endpoint, ...ids, endpointId, generation: 1 });
    const { socketPath } = await host.start(endpointId);
    await using connection = await connect(socketPath);
    return await work(connection.client);
  } finally {
    await host.deleteEndpoint(endpointId);
    await host.deleteTimeline(ids.timelineId);
  }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
