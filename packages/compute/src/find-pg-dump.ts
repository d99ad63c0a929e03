import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hasErrorCode } from '@pgfleet/kit';
import { ComputeError } from './compute-error.ts';
import { systemBinDirs } from './installation.ts';

/** One `pg_dump` that this machine can run. */
export interface PgDump {
  /** It dumps servers of this major version and of older ones, and refuses newer ones. */
  readonly major: number;
  /** A program of the system, or the WebAssembly build of an npm package. */
  readonly kind: 'program' | 'wasm';
  /** Of the program, or of the module that runs the WebAssembly. */
  readonly path: string;
}

const run = promisify(execFile);
const require = createRequire(import.meta.url);

/** The major version inside the version of the package that the manifest pins. */
const WASM_MAJOR = 18;

/**
 * From here on `pg_dump` takes the rights on the schema `public` for those of Postgres 15, also on
 * older servers, and writes down what differs; which `restoreSchema` relies on.
 */
const OLDEST_MAJOR = 15;

/**
 * Finds every `pg_dump` of this machine, in no order; a package that holds only clients counts.
 * npm's Postgres has none.
 */
export async function findPgDumps(): Promise<readonly PgDump[]> {
  const programs = await Promise.all((await systemBinDirs()).map(inspectProgram));
  return [...programs, findWasm()].filter((found) => found !== undefined);
}

/**
 * Picks the `pg_dump` for a server: the program nearest to its major version, else WebAssembly.
 *
 * @throws ComputeError `pg_dump_missing`; the `cause` advises the operator.
 */
export function choosePgDump(pgDumps: readonly PgDump[], serverMajor: number): PgDump {
  const oldest = Math.max(serverMajor, OLDEST_MAJOR);
  const [chosen] = pgDumps
    .filter(({ major }) => major >= oldest)
    .sort((a, b) => Number(a.kind === 'wasm') - Number(b.kind === 'wasm') || a.major - b.major);
  if (chosen) return chosen;
  const found = pgDumps.map(({ major, path }) => `${path} (${major})`).join(', ') || 'none';
  const advice = `found ${found}; run npm ci, or install the client programs of Postgres ${oldest} or newer`;
  const message = `no pg_dump for Postgres ${serverMajor} is installed`;
  throw new ComputeError('pg_dump_missing', message, { cause: new Error(advice) });
}

async function inspectProgram(binDir: string): Promise<PgDump | undefined> {
  const path = join(binDir, 'pg_dump');
  const version = await run(path, ['--version']).then(
    ({ stdout }) => /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1],
    () => undefined,
  );
  return version === undefined ? undefined : { major: Number(version), kind: 'program', path };
}

function findWasm(): PgDump | undefined {
  try {
    const path = require.resolve('@electric-sql/pglite-tools/pg_dump');
    return { major: WASM_MAJOR, kind: 'wasm', path };
  } catch (error) {
    if (hasErrorCode(error, 'MODULE_NOT_FOUND')) return undefined;
    throw error;
  }
}
