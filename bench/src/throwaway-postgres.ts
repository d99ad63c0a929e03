import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { firstRowOfStartingServer } from './first-row.ts';

// The user that owns no files: Postgres insists on one that is not root and has a passwd entry.
const NOBODY = { uid: 65_534, gid: 65_534 };
const START_TIMEOUT_MS = 30_000;

/** A Postgres of its own with the settings that it comes with, as control's own has them. */
export class ThrowawayPostgres implements AsyncDisposable {
  readonly #directory: string;
  readonly #server: ChildProcess;

  private constructor(directory: string, server: ChildProcess) {
    this.#directory = directory;
    this.#server = server;
  }

  /** Makes a cluster with the programs of a directory and starts it. */
  static async open(bin: string): Promise<ThrowawayPostgres> {
    const directory = mkdtempSync(join(tmpdir(), 'pgfleet-bench-'));
    const owner = process.getuid?.() === 0 ? NOBODY : undefined;
    if (owner) chownSync(directory, owner.uid, owner.gid);
    const data = join(directory, 'data');
    const how = { stdio: 'ignore', cwd: '/', ...owner } as const;
    const initdb = spawn(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust'], how);
    const [code] = (await once(initdb, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`initdb ended with ${code}`);
    const settings = ['-c', 'listen_addresses=', '-c', `unix_socket_directories=${directory}`];
    const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings], how);
    const login = { host: directory, port: 5432, user: 'postgres', database: 'postgres' };
    await firstRowOfStartingServer(login, AbortSignal.timeout(START_TIMEOUT_MS));
    return new ThrowawayPostgres(directory, server);
  }

  /** Makes an empty database and returns its libpq URI. */
  async createDatabase(name: string): Promise<string> {
    await this.#execute(`create database ${name}`);
    return this.#url(name);
  }

  /** Writes down everything that was changed. */
  checkpoint(): Promise<void> {
    return this.#execute('checkpoint');
  }

  async #execute(statement: string): Promise<void> {
    const client = new Client({ connectionString: this.#url('postgres') });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  }

  #url(database: string): string {
    return `postgresql://postgres@/${database}?host=${this.#directory}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#server, 'exit');
    this.#server.kill('SIGINT');
    await exited;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
