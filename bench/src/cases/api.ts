import { choresMs, claimsMs, createsMs } from '../control-in-process.ts';
import { fleetLists } from '../fleet-lists.ts';
import { percentile, round, toRow } from '../row.ts';
import type { Row } from '../row.ts';
import { SeededControl } from '../seeded-control.ts';
import { ThrowawayPostgres } from '../throwaway-postgres.ts';

const SMALL = 100;
const MEBIBYTE = 1024 * 1024;

export interface ApiBenchOptions {
  readonly runs: number;
  /** How many projects the large fleet has. */
  readonly projects: number;
  readonly postgresBin: string;
}

interface Fleets {
  readonly large: SeededControl;
  readonly small: SeededControl;
}

/**
 * Control with a large fleet, against control with a small one in the same Postgres: every list,
 * read by turns, what proxies ask, the memory of the process, what the creation of a project costs
 * in the database, and what control looks for all the time.
 */
export async function* api(options: ApiBenchOptions): AsyncGenerator<Row> {
  await using postgres = await ThrowawayPostgres.open(options.postgresBin);
  await using small = await SeededControl.open(await postgres.createDatabase('small'), SMALL);
  await using large = await SeededControl.open(
    await postgres.createDatabase('large'),
    options.projects,
  );
  const fleets = { large, small };
  // What seeding has left to be written is not to be waited for.
  await postgres.checkpoint();
  yield* lists(fleets, options);
  yield await routes(fleets, options);
  await Promise.all([small.stop(), large.stop()]);
  yield* inProcess(fleets, options);
}

// Twice, so that it shows whether the memory of the process grows with what it has answered.
async function* lists(fleets: Fleets, { runs }: ApiBenchOptions): AsyncGenerator<Row> {
  const { large, small } = fleets;
  const samples = new Map<string, Sample>();
  const residentMib = [toMib(large.residentBytes())];
  for (const turns of [Math.ceil(runs / 2), Math.floor(runs / 2)]) {
    for (const [index, { name }] of fleetLists(large.fleet, 0).entries()) {
      const read = (control: SeededControl) => (turn: number) => {
        const { path = '', key } = fleetLists(control.fleet, turn)[index] ?? {};
        return control.get(path, key);
      };
      const sample = await byTurns(turns, { ours: read(large), theirs: read(small) });
      samples.set(name, join(samples.get(name), sample));
    }
    residentMib.push(toMib(large.residentBytes()));
  }
  const rows = [...samples].map(([name, sample]) => rowOf(fleets, `list: ${name}`, sample));
  yield* rows;
  const [slowest] = rows.toSorted((a, b) => b.p99_ms - a.p99_ms);
  const [start = 0, half = 0, end = 0] = residentMib;
  yield {
    ...rowOf(fleets, 'all lists', [...samples.values()].reduce(join)),
    slowest: slowest?.case ?? '',
    slowest_p99_ms: slowest?.p99_ms ?? 0,
    control_rss_mib_at_start: start,
    control_rss_mib_at_half: half,
    control_rss_mib_at_end: end,
    baseline_rss_mib_at_end: toMib(small.residentBytes()),
  };
}

function toMib(bytes: number): number {
  return Math.round(bytes / MEBIBYTE);
}

async function routes(fleets: Fleets, { runs }: ApiBenchOptions): Promise<Row> {
  const { large, small } = fleets;
  const endpointId = 'ep-fleet-fog-a5000007';
  const sample = await byTurns(runs, {
    ours: () => large.route(endpointId),
    theirs: () => small.route(endpointId),
  });
  return rowOf(fleets, 'route of an endpoint', sample);
}

// With the functions of control itself, whose statements can be timed here.
async function* inProcess(fleets: Fleets, { runs }: ApiBenchOptions): AsyncGenerator<Row> {
  const { large, small } = fleets;
  yield rowOf(fleets, 'creation of a project, in the database', {
    samplesMs: await createsMs(large, runs),
    baselineMs: await createsMs(small, runs),
  });
  yield rowOf(fleets, 'claim of operations, none due', {
    samplesMs: await claimsMs(large, runs),
    baselineMs: await claimsMs(small, runs),
  });
  const [ours, theirs] = [await choresMs(large, runs), await choresMs(small, runs)];
  for (const [name, samplesMs] of ours) {
    yield rowOf(fleets, `chore: ${name}`, { samplesMs, baselineMs: theirs.get(name) ?? [] });
  }
}

interface Sample {
  readonly samplesMs: readonly number[];
  readonly baselineMs: readonly number[];
}

function join(a: Sample | undefined, b: Sample): Sample {
  if (!a) return b;
  return {
    samplesMs: [...a.samplesMs, ...b.samplesMs],
    baselineMs: [...a.baselineMs, ...b.baselineMs],
  };
}

async function byTurns(
  runs: number,
  { ours, theirs }: Readonly<Record<'ours' | 'theirs', (turn: number) => Promise<unknown>>>,
): Promise<Sample> {
  const samplesMs: number[] = [];
  const baselineMs: number[] = [];
  // The first of each opens connections and fills caches, as it does once in the life of a control.
  await Promise.all([ours(0), theirs(0)]);
  for (let run = 0; run < runs; run++) {
    baselineMs.push(await elapsedMs(() => theirs(run)));
    samplesMs.push(await elapsedMs(() => ours(run)));
  }
  return { samplesMs, baselineMs };
}

async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function rowOf({ large }: Fleets, name: string, sample: Sample): Row {
  return toRow({
    bench: 'api',
    case: name,
    baseline: `the same with ${SMALL} projects`,
    ...sample,
    details: {
      baseline_p99_ms: round(percentile(sample.baselineMs, 0.99)),
      rows: large.fleet.rows,
    },
  });
}
