import { signalProcess, sleep, waitUntil } from '@pgfleet/kit';
import { connectClient, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { expect, test } from 'vitest';
import { LedgerWriter } from './ledger-writer.ts';

/*
 * Every round kills everything once, in a random order, with random pauses, while clients write.
 * PGFLEET_CRASH_ROUNDS makes it longer; PGFLEET_CRASH_SEED repeats the orders of a failed run.
 */
const ROUNDS = Number(process.env['PGFLEET_CRASH_ROUNDS'] ?? 4);
const SEED = Number(process.env['PGFLEET_CRASH_SEED'] ?? Date.now() % 100_000);
const WRITERS = ['a', 'b', 'c'];
const LONGEST_PAUSE_MS = 400;
const RECOVERY_LIMIT_MS = 45_000;

const victims = ['up', 'control', 'host', 'proxy', 'postgres', 'control-database'] as const;
type Victim = (typeof victims)[number];

const timeout = 60_000 + ROUNDS * 90_000;

test('whatever is killed, in whatever order, comes back by itself with every acknowledged row', {
  timeout,
}, async () => {
  await using platform = await startPlatform({ expectedLogs: [/./] });
  const uri = await newLedger(platform);
  const writers = WRITERS.map((name) => new LedgerWriter({ uri, name }));
  const stop = new AbortController();
  const writing = writers.map((writer) => writer.run(stop.signal));
  const random = seededRandom(SEED);
  let kills = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const order = shuffled(victims, random);
      for (const victim of order) {
        if (await kill(platform, victim)) kills++;
        await sleep(random() * LONGEST_PAUSE_MS);
      }
      // The one thing that nobody looks after but the system's own supervisor.
      if (!platform.isUp) await platform.start();
      await recovery(platform, writers, `round ${round} of seed ${SEED}: ${order.join(', ')}`);
    }
  } finally {
    stop.abort();
    await Promise.all(writing);
  }

  const stored = await storedRows(uri);
  const acknowledged = writers.flatMap(({ name, acknowledged: rows }) =>
    rows.map((row) => `${name}:${row}`),
  );
  const lost = acknowledged.filter((row) => !stored.has(row));
  const interruptions = writers.reduce((sum, writer) => sum + writer.interruptions, 0);
  process.stdout.write(
    `crash: seed ${SEED}, ${ROUNDS} rounds, ${kills} kills, ${interruptions} interrupted sessions, ` +
      `${acknowledged.length} rows acknowledged, ${stored.size} stored, ${lost.length} lost\n`,
  );
  expect(lost).toEqual([]);
  expect(processNames(platform)).toEqual(['control', 'host-aws-us-east-2', 'proxy-0', 'proxy-1']);
});

async function newLedger(platform: Platform): Promise<string> {
  const created = await platform.createProject();
  const uri = created.connection_uris[0]!.connection_uri;
  await using client = await connectClient(uri);
  await client.query('create table ledger (writer text, row int, primary key (writer, row))');
  return uri;
}

async function storedRows(uri: string): Promise<Set<string>> {
  await using client = await connectClient(uri);
  const { rows } = await client.query<{ writer: string; row: number }>('select * from ledger');
  return new Set(rows.map(({ writer, row }) => `${writer}:${row}`));
}

async function kill(platform: Platform, victim: Victim): Promise<boolean> {
  if (victim === 'up') return await platform.kill();
  if (victim === 'postgres') return platform.killPostgres('hosts');
  if (victim === 'control-database') return platform.killPostgres('control-database');
  const found = platform.processes().findLast(({ name }) => name.startsWith(victim));
  return found !== undefined && signalProcess(found, 'SIGKILL');
}

/** Resolves when every writer goes on and the API creates projects again. */
async function recovery(
  platform: Platform,
  writers: readonly LedgerWriter[],
  after: string,
): Promise<void> {
  const before = writers.map(({ acknowledged }) => acknowledged.length);
  await waitUntil(
    () => writers.every(({ acknowledged }, at) => acknowledged.length > before[at]!),
    {
      what: `every writer to go on after ${after}\n${platform.describe()}`,
      timeoutMs: RECOVERY_LIMIT_MS,
    },
  );
  const creates = () =>
    platform.createProject().then(
      () => true,
      () => false,
    );
  await waitUntil(creates, {
    what: `a project to be created after ${after}\n${platform.describe()}`,
    timeoutMs: RECOVERY_LIMIT_MS,
  });
}

function processNames(platform: Platform): string[] {
  const serving = platform.processes().filter(({ draining }) => !draining);
  return serving.map(({ name }) => name).sort();
}

// A linear congruential generator (Numerical Recipes): repeatable, and random enough for orders.
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
