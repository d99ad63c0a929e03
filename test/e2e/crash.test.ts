import { signalProcess, sleep, waitUntil } from '@pgfleet/kit';
import { connectClient, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { expect, test } from 'vitest';

const ROUNDS = Number(process.env['PGFLEET_CRASH_ROUNDS'] ?? 4);
const CLIENTS = 3;
const PROGRESS_TIMEOUT_MS = 45_000;
const victims = ['up', 'control', 'host', 'proxy', 'postgres', 'control-database'] as const;
type Victim = (typeof victims)[number];

/** Writes rows one by one and remembers those that were acknowledged. */
class Writer {
  readonly acknowledged: number[] = [];
  failures = 0;
  readonly #uri: string;
  readonly #caPath: string;
  readonly #name: string;
  #next = 0;

  constructor(uri: string, caPath: string, name: string) {
    this.#uri = uri;
    this.#caPath = caPath;
    this.#name = name;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#session(signal);
      } catch {
        this.failures++;
        await sleep(20);
      }
    }
  }

  async #session(signal: AbortSignal): Promise<void> {
    const options = {
      caPath: this.#caPath,
      connectionTimeoutMillis: 20_000,
      query_timeout: 20_000,
    };
    await using client = await connectClient(this.#uri, options);
    while (!signal.aborted) {
      const row = this.#next++;
      await client.query('insert into ledger values ($1, $2)', [this.#name, row]);
      this.acknowledged.push(row);
    }
  }
}

// A small generator, so that a failed run can be repeated by its seed.
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

async function kill(platform: Platform, victim: Victim): Promise<boolean> {
  if (victim === 'up') {
    await platform.kill();
    return true;
  }
  if (victim === 'postgres') return platform.killPostgres('hosts');
  if (victim === 'control-database') return platform.killPostgres('control-database');
  const found = platform.processes().findLast(({ name }) => name.startsWith(victim));
  return found !== undefined && signalProcess(found, 'SIGKILL');
}

test(detail) && !/main\.js|bwrap/.test(detail),
  );
  if (!first) return false;
  try {
    return process.kill(Number(first.name), 'SIGKILL');
  } catch {
    return false;
  }
}

test('whatever is killed, in whatever order, comes back by itself with every acknowledged row', {
  timeout: 60_000 + ROUNDS * 90_000,
}, async () => {
  const seed = Number(process.env['PGFLEET_CRASH_SEED'] ?? Date.now() % 100_000);
  const random = seededRandom(seed);
  await using platform = await startPlatform({ expectedLogs: [/./] });
  const created = await platform.createProject();
  const uri = created.connection_uris[0]!.connection_uri;
  {
    await using client = await connectClient(uri, { caPath: platform.caPath });
    await client.query('create table ledger (writer text, row int, primary key (writer, row))');
  }
  const stop = new AbortController();
  const writers = Array.from(
    { length: CLIENTS },
    (_, at) => new Writer(uri, platform.caPath, `w${at}`),
  );
  const running = writers.map((writer) => writer.run(stop.signal));
  let kills = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const order = shuffled(victims, random);
      for (const victim of order) {
        if (await kill(platform, victim)) kills++;
        await sleep(random() * 400);
      }
      if (!platform.isUp) await platform.start();
      const before = writers.map(({ acknowledged }) => acknowledged.length);
      await waitUntil(
        () => writers.every((writer, at) => writer.acknowledged.length > before[at]! + 3),
        {
          what: `every writer to go on after ${order.join(', ')} (seed ${seed})\n${platform.describe()}`,
          timeoutMs: PROGRESS_TIMEOUT_MS,
        },
      );
      await waitUntil(
        () =>
          platform.createProject().then(
            () => true,
            () => false,
          ),
        { what: `projects to be created (seed ${seed})`, timeoutMs: PROGRESS_TIMEOUT_MS },
      );
    }
  } finally {
    stop.abort();
    await Promise.all(running);
  }
  await using client = await connectClient(uri, { caPath: platform.caPath });
  const { rows } = await client.query<{ writer: string; row: number }>('select * from ledger');
  const stored = new Set(rows.map(({ writer, row }) => `${writer}:${row}`));
  const acknowledged = writers.flatMap((writer, at) =>
    writer.acknowledged.map((row) => `w${at}:${row}`),
  );
  expect(acknowledged.filter((row) => !stored.has(row))).toEqual([]);
  const failures = writers.reduce((sum, writer) => sum + writer.failures, 0);
  process.stdout.write(
    `crash: seed ${seed}, ${ROUNDS} rounds, ${kills} kills, ${acknowledged.length} rows acknowledged, ` +
      `${stored.size} stored, ${failures} interrupted sessions, 0 lost\n`,
  );
});
