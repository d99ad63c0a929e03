import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { postgresPrograms, startPlatform } from '@pgfleet/testkit';
import { api } from './cases/api.ts';
import { branch } from './cases/branch.ts';
import { connect } from './cases/connect.ts';
import { disk } from './cases/disk.ts';
import { provision } from './cases/provision.ts';
import { restore } from './cases/restore.ts';
import { snapshot } from './cases/snapshot.ts';
import { wake } from './cases/wake.ts';
import type { BenchContext } from './context.ts';
import { parseSizes } from './data-size.ts';
import type { DataSize } from './data-size.ts';
import type { Row } from './row.ts';
import { forEachSize } from './sized-tenant.ts';
import type { SizedBench } from './sized-tenant.ts';

type Bench = (context: BenchContext) => Promise<readonly Row[]> | AsyncIterable<Row>;

const benches: Readonly<Record<string, Bench>> = { provision, wake, connect };
/** In the order in which one database serves them: a restored branch is no root, which snapshots are of. */
const sizedBenches: Readonly<Record<string, SizedBench>> = { branch, snapshot, restore, disk };
/** The only one that needs no platform: it has many tenants that are nothing but rows. */
const ROWS_ONLY = 'api';
const names = [...Object.keys(benches), ...Object.keys(sizedBenches), ROWS_ONLY];

const DEFAULT_MAJOR = 17;
/** The smallest fleet in which there is one of everything. */
const MIN_PROJECTS = 100;

interface Options {
  readonly json?: boolean;
  readonly runs: number;
  readonly sizes: readonly DataSize[];
  readonly ageSeconds: number;
  readonly volume: string;
  readonly projects: number;
}

await new Command('bench')
  .description('Measures pgfleet beside its baseline, on a platform of its own.')
  .addArgument(new Argument('<name...>', 'which').choices(names))
  .option('--json', 'one JSON object per line instead of a table')
  .option('--runs <count>', 'samples per case, fewer where time is over', parseCount, 40)
  .option('--sizes <list>', 'of the databases, where it matters', sizes, sizes('10MB,1GB'))
  .option('--age-seconds <count>', 'how far a restore goes back', parseCount, 60)
  .option('--projects <count>', 'of the fleet, for the API', parseProjects, 300_000)
  .addOption(
    new Option('--volume <driver>', 'what the data lies on')
      .choices(['auto', 'reflink', 'btrfs', 'copy'])
      .default('auto'),
  )
  .action(async (wanted: readonly string[], options: Options) => {
    const rows: Row[] = [];
    for await (const row of run(wanted, options)) {
      if (options.json) console.log(JSON.stringify(row));
      rows.push(row);
    }
    if (!options.json) console.table(rows);
  })
  .parseAsync();

async function* run(wanted: readonly string[], options: Options): AsyncGenerator<Row> {
  const onPlatform = wanted.filter((name) => name !== ROWS_ONLY);
  if (onPlatform.length > 0) yield* runOnPlatform(onPlatform, options);
  if (onPlatform.length === wanted.length) return;
  yield* api({ ...options, postgresBin: await postgresPrograms(DEFAULT_MAJOR) });
}

async function* runOnPlatform(
  wanted: readonly string[],
  { volume, ...options }: Options,
): AsyncGenerator<Row> {
  await using platform = await startPlatform({
    env: { PGFLEET_VOLUME: volume },
    // The benchmark of a wake after a crash kills computes on purpose.
    expectedLogs: [/compute died/],
  });
  const context = { platform, ...options, postgresBin: await postgresPrograms(DEFAULT_MAJOR) };
  for (const name of wanted) yield* (await benches[name]?.(context)) ?? [];
  const sized = Object.entries(sizedBenches).flatMap(([name, bench]) =>
    wanted.includes(name) ? [bench] : [],
  );
  if (sized.length > 0) yield* forEachSize(context, sized);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 10_000) return count;
  throw new InvalidArgumentError('must be a whole number from 1 to 10000');
}

function parseProjects(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= MIN_PROJECTS && count <= 1_000_000) return count;
  throw new InvalidArgumentError(`must be a whole number from ${MIN_PROJECTS} to 1000000`);
}

function sizes(text: string): readonly DataSize[] {
  try {
    return parseSizes(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
