import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { ADMIN_ROLE } from './admin-connection.ts';
import { ComputeError } from './compute-error.ts';
import { effectiveOwner, type Owner } from './owner.ts';

/** What a `pg_dump` of either kind needs. */
export interface PgDumpRun {
  readonly path: string;
  readonly args: readonly string[];
  readonly socketDirectory: string;
  readonly database: string;
  readonly secret: string;
  /** For the session, as libpq's `options` takes them. */
  readonly settings: string;
  readonly owner?: Owner;
  readonly signal: AbortSignal;
}

export const MAX_SCHEMA_BYTES = 64 * 1024 * 1024;
const MAX_COMPLAINT_CHARACTERS = 4096;

/**
 * Runs the program with nothing of this process' environment, killed when the signal aborts, as the
 * user of the instance: whoever took over that server meets a client that can do no more than it.
 *
 * @throws ComputeError `schema_dump_failed`; what it wrote to stderr is the `cause`.
 */
export async function runPgDump(work: PgDumpRun): Promise<string> {
  const user = effectiveOwner(work.owner);
  const child = spawn(work.path, work.args, {
    env: environment(work),
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: work.signal,
    killSignal: 'SIGKILL',
    ...user,
  });
  const end = once(child, 'close');
  try {
    const [sql, complaint] = await Promise.all([
      collectSchema(child, child.stdout),
      collectComplaint(child.stderr),
      end,
    ]);
    if (child.exitCode !== 0) throw dumpFailed(complaint);
    return sql;
  } catch (error) {
    work.signal.throwIfAborted();
    throw error;
  }
}

/** The error for a `pg_dump` that ended badly. */
export function dumpFailed(cause: unknown): ComputeError {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return new ComputeError('schema_dump_failed', 'the schema cannot be read', { cause: error });
}

function environment(work: PgDumpRun): NodeJS.ProcessEnv {
  return {
    LC_ALL: 'C',
    PGHOST: work.socketDirectory,
    PGPORT: '5432',
    PGUSER: ADMIN_ROLE,
    PGPASSWORD: work.secret,
    PGDATABASE: work.database,
    PGOPTIONS: work.settings,
    PGAPPNAME: 'pgfleet',
    PGSSLMODE: 'disable',
    PGGSSENCMODE: 'disable',
  };
}

async function collectSchema(child: ChildProcess, output: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of output as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_SCHEMA_BYTES) {
      child.kill('SIGKILL');
      throw dumpFailed('pg_dump wrote more than is accepted');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

// Warnings may go on for long; the end says why it gave up.
async function collectComplaint(output: Readable): Promise<string> {
  let text = '';
  for await (const chunk of output as AsyncIterable<Buffer>) {
    text = (text + chunk.toString('utf8')).slice(-MAX_COMPLAINT_CHARACTERS);
  }
  return text;
}
