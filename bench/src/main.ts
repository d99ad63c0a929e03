import { Command, InvalidArgumentError } from 'commander';
import { postgresPrograms, startPlatform } from '@pgfleet/testkit';
import { connect } from './cases/connect.ts';
import { provision } from './cases/provision.ts';
import { wake } from './cases/wake.ts';
import type { BenchContext } from './context.ts';
import type { Row } from './row.ts';

const benches: Readonly<Record<string, (context: BenchContext) => Promise<Row[]>>> = {
  provision,
  wake,
  connect,
};

const DEFAULT_MAJOR = 17;

await new Command('bench')
  .description('Measures pgfleet beside its baseline, on a platform of its own.')
  .argument('<name>', `one of ${Object.keys(benches).join(', ')}`, parseName)
  .option('--json', 'one JSON object per line instead of a table')
  .option('--runs <count>', 'samples per case', parseCount, 40)
  .action(async (name: string, options: { readonly json?: boolean; readonly runs: number }) => {
    const rows = await run(name, options.runs);
    if (options.json) for (const row of rows) console.log(JSON.stringify(row));
    else console.table(rows);
  })
  .parseAsync();

async function run(name: string, runs: number): Promise<Row[]> {
  const bench = benches[name];
  if (!bench) throw new Error(`there is no benchmark ${name}`);
  // The benchmark of a wake after a crash kills computes on purpose.
  await using platform = await startPlatform({ expectedLogs: [/compute died/] });
  return await bench({ platform, runs, postgresBin: await postgresPrograms(DEFAULT_MAJOR) });
}

function parseName(name: string): string {
  if (Object.hasOwn(benches, name)) return name;
  throw new InvalidArgumentError(`choose one of ${Object.keys(benches).join(', ')}`);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 10_000) return count;
  throw new InvalidArgumentError('must be a whole number from 1 to 10000');
}
