import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitUntil } from '@pgfleet/kit';
import { postgresPrograms } from '@pgfleet/testkit';
import { Client } from 'pg';

const programs = await postgresPrograms(17);

/** A real Postgres behind a unix socket with SCRAM for everybody, as a host would run it. */
export class TestPostgres implements AsyncDisposable {
  readonly #directory: string;
  #server: ChildProcess | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(): Promise<TestPostgres> {
    const directory = await mkdtemp(join(tmpdir(), 'pgf-pg-'));
    if (isRoot) await chown(directory, nobody, nobody);
    await chmod(directory, 0o711);
    const postgres = new TestPostgres(directory);
    await postgres.#initialise();
    await postgres.start();
    return postgres;
  }

  get socketPath(): string {
    return join(this.#directory, '.s.PGSQL.5432');
  }

  get isRunning(): boolean {
    return this.#server !== undefined;
  }

  async start(): Promise<void> {
    if (this.#server) return;
    await rm(join(this.#data, 'postmaster.pid'), { force: true });
    const server = spawn(join(programs, 'postgres'), ['-D', this.#data], {
      ...unprivileged,
      stdio: 'ignore',
    });
    this.#server = server;
    await waitUntil(() => this.#isReady(), { what: 'postgres to be ready', timeoutMs: 20_000 });
  }

  /** SIGINT is the fast shutdown, SIGQUIT the immediate one. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server || server.exitCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  }

  async query<Row extends object = object>(sql: string): Promise<Row[]> {
    const client = new Client({
      host: this.#directory,
      user: 'postgres',
      password: superuserPassword,
      database: 'postgres',
    });
    await client.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGQUIT');
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #data(): string {
    return join(this.#directory, 'data');
  }

  async #initialise(): Promise<void> {
    const passwordFile = join(this.#directory, 'password');
    await writeFile(passwordFile, superuserPassword);
    const options = ['-A', 'scram-sha-256', '-U', 'postgres', '-N', '--locale=C', '-E', 'UTF8'];
    await promisify(execFile)(
      join(programs, 'initdb'),
      ['-D', this.#data, '--pwfile', passwordFile, ...options],
      unprivileged,
    );
    const settings = [
      "listen_addresses = ''",
      `unix_socket_directories = '${this.#directory}'`,
      'fsync = off',
      'max_connections = 50',
    ];
    await writeFile(join(this.#data, 'postgresql.auto.conf'), settings.join('\n'));
  }

  async #isReady(): Promise<boolean> {
    if (this.#server?.exitCode) throw new Error('postgres did not start');
    const pidFile = join(this.#data, 'postmaster.pid');
    return existsSync(pidFile) && (await readFile(pidFile, 'utf8')).includes('ready');
  }
}

const superuserPassword = 'superuser';
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
const unprivileged = isRoot ? { uid: nobody, gid: nobody } : {};
