import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { userInfo, tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, waitUntil } from '@pgfleet/kit';
import { postgresPrograms } from '@pgfleet/testkit';
import { Client } from 'pg';
import { openDatabase } from '../store/database.ts';
import type { Database, DatabaseOptions } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';

/*
 * A real Postgres for the tests of one file: one cluster, one migrated template, one database for
 * each test.
 */

const programs = await postgresPrograms(17);

/** Postgres refuses to run as root. */
const unprivileged = userInfo().uid === 0 ? { uid: 65534, gid: 65534 } : {};

export class TestPostgres implements AsyncDisposable {
  /** Where its socket is. */
  readonly directory: string;
  #server: ChildProcess;
  #databases = 0;

  private constructor(directory: string, server: ChildProcess) {
    this.directory = directory;
    this.#server = server;
  }

  static async open(): Promise<TestPostgres> {
    const directory = mkdtempSync(join(tmpdir(), 'pgfleet-control-'));
    if (unprivileged.uid !== undefined) chownSync(directory, unprivileged.uid, unprivileged.gid);
    const data = join(directory, 'data');
    const options = ['-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync'];
    await run('initdb', ['-D', data, ...options]);
    const postgres = new TestPostgres(directory, startServer(directory));
    await postgres.#connected();
    await postgres.#execute('create database template');
    const template = postgres.open('template');
    await migrate(template);
    await template.destroy();
    return postgres;
  }

  /** Makes a fresh, migrated database and opens it. */
  async createDatabase(watch: WatchOptions = {}): Promise<TestDatabase> {
    const name = `test${++this.#databases}`;
    await this.#execute(`create database ${name} template template`);
    return { name, url: this.url(name), db: this.open(name, watch) };
  }

  url(database: string): string {
    return `postgresql://postgres@/${database}?host=${this.directory}`;
  }

  open(database: string, watch: WatchOptions = {}): Database {
    const url = this.url(database);
    return openDatabase({ url, maxConnections: 8, log: silentLogger(), ...watch });
  }

  /** Ends the server as a crash would. */
  async crash(): Promise<void> {
    await this.#end('SIGQUIT');
  }

  async restart(): Promise<void> {
    this.#server = startServer(this.directory);
    await this.#connected();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGQUIT');
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    const exited = once(this.#server, 'exit');
    this.#server.kill(signal);
    await exited;
  }

  async #connected(): Promise<void> {
    await waitUntil(
      () =>
        this.#execute('select 1').then(
          () => true,
          () => false,
        ),
      {
        what: 'postgres to accept connections',
        timeoutMs: 20_000,
      },
    );
  }

  async #execute(statement: string): Promise<void> {
    const client = new Client({ connectionString: this.url('postgres') });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  }
}

/** Who hears of every statement. */
type WatchOptions = Pick<DatabaseOptions, 'onStatement'>;

export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  readonly db: Database;
}

function startServer(directory: string): ChildProcess {
  const settings = ['listen_addresses=', `unix_socket_directories=${directory}`, 'fsync=off'];
  const flags = settings.flatMap((setting) => ['-c', setting]);
  return spawn(join(programs, 'postgres'), ['-D', join(directory, 'data'), ...flags], {
    stdio: 'ignore',
    ...unprivileged,
  });
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(join(programs, program), args, { stdio: 'ignore', ...unprivileged });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${program} failed with exit code ${code}`);
}
