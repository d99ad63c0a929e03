import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CreatedProject, Operation } from '@pgfleet/contract';
import {
  identifyProcess,
  isSameProcess,
  readJsonFile,
  signalProcess,
  waitUntil,
} from '@pgfleet/kit';
import type { ProcessIdentity } from '@pgfleet/kit';
import { freePort } from './free-port.ts';
import { findLeaks, findProcesses } from './leaks.ts';
import type { Leak } from './leaks.ts';
import { loudLines } from './log-lines.ts';

const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 60_000;
const OUTPUT_LIMIT = 200_000;
const ROOT = join(import.meta.dirname, '../../..');
const COMMAND = [process.execPath, 'packages/cli/dist/main.js', 'up'] as const;

export interface PlatformOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Warnings and errors that this test provokes; any other fails it. */
  readonly expectedLogs?: readonly RegExp[];
  /** Runs as this user; the test's own when left out. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** What starts the platform, from the root of the repository; `pgfleet up` when left out. */
  readonly command?: readonly [string, ...string[]];
}

export interface ApiResponse<Body> {
  readonly status: number;
  readonly body: Body;
}

/** A process of the platform, as `up` recorded it. */
export interface PlatformProcess extends ProcessIdentity {
  readonly name: string;
  readonly draining: boolean;
}

/**
 * A real `pgfleet up` in a temporary data directory on free ports.
 *
 * Disposing stops it in an orderly way and fails when that took no clean end, when a process, a
 * mount or a loop device is left, or when a log holds a warning that the test did not expect.
 */
export class Platform implements AsyncDisposable {
  readonly dataDir: string;
  readonly apiUrl: string;
  readonly pgPort: number;
  readonly #options: PlatformOptions;
  readonly #env: NodeJS.ProcessEnv;
  #up: ChildProcess | undefined;
  #output = { stdout: '', stderr: '' };

  private constructor(options: PlatformOptions, dataDir: string, ports: [number, number]) {
    this.dataDir = dataDir;
    this.apiUrl = `http://127.0.0.1:${ports[0]}`;
    this.pgPort = ports[1];
    this.#options = options;
    this.#env = {
      ...process.env,
      PGFLEET_DATA_DIR: dataDir,
      PGFLEET_API_PORT: String(ports[0]),
      PGFLEET_PG_PORT: String(ports[1]),
      PGFLEET_PROXY_WORKERS: '2',
      PGFLEET_MIN_SUSPEND_TIMEOUT_SECONDS: '1',
      ...options.env,
    };
  }

  /** Makes the directory without starting anything. */
  static async prepare(options: PlatformOptions = {}): Promise<Platform> {
    const base = mkdtempSync(join(tmpdir(), 'pgf-'));
    // Computes run as users of their own and have to pass through.
    chmodSync(base, 0o711);
    if (options.user) chownSync(base, options.user.uid, options.user.gid);
    return new Platform(options, join(base, 'data'), [await freePort(), await freePort()]);
  }

  get caPath(): string {
    return join(this.dataDir, 'ca.crt');
  }

  get adminKey(): string {
    return readFileSync(join(this.dataDir, 'admin.key'), 'utf8').trim();
  }

  /** What `up` has written so far. */
  get output(): { readonly stdout: string; readonly stderr: string } {
    return this.#output;
  }

  /** The process of `up`. */
  get up(): ChildProcess {
    if (!this.#up) throw new Error('the platform was not started');
    return this.#up;
  }

  get isUp(): boolean {
    return this.#up !== undefined && this.#up.exitCode === null && this.#up.signalCode === null;
  }

  /** Spawns `pgfleet up` without waiting for anything. */
  launch(): ChildProcess {
    const [program, ...args] = this.#options.command ?? COMMAND;
    const up = spawn(program, args, {
      cwd: ROOT,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...this.#options.user,
    });
    this.#output = { stdout: '', stderr: '' };
    const output = this.#output;
    for (const name of ['stdout', 'stderr'] as const) {
      up[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-OUTPUT_LIMIT);
      });
    }
    this.#up = up;
    return up;
  }

  /** Starts `pgfleet up`, again or for the first time, and resolves when it says it is ready. */
  async start(): Promise<void> {
    this.launch();
    await waitUntil(() => this.#output.stdout.includes('pgfleet ready') || !this.isUp, {
      what: `pgfleet to be ready; so far it wrote: ${JSON.stringify(this.#output)}`,
      timeoutMs: READY_TIMEOUT_MS,
    });
    if (!this.isUp) throw new Error(`pgfleet ended instead of serving:\n${this.describe()}`);
  }

  /** Asks `up` to stop with a signal and returns its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const { up } = this;
    if (this.isUp) up.kill(signal);
    await waitUntil(() => !this.isUp, {
      what: `pgfleet to stop\n${this.describe()}`,
      timeoutMs: STOP_TIMEOUT_MS,
    });
    return up.exitCode;
  }

  /** Kills `up` itself with SIGKILL; everything else lives on. `false` when it was not running. */
  async kill(): Promise<boolean> {
    if (!this.isUp) return false;
    this.up.kill('SIGKILL');
    await once(this.up, 'exit');
    return true;
  }

  /** The processes that `up` recorded and that are alive. */
  processes(): readonly PlatformProcess[] {
    const file = readJsonFile(join(this.dataDir, 'processes.json'));
    return ((file as { processes?: PlatformProcess[] } | undefined)?.processes ?? []).filter(
      isSameProcess,
    );
  }

  /** Every process that has to do with the data directory, computes included. */
  allProcesses(): readonly Leak[] {
    return findProcesses(this.dataDir);
  }

  /** Processes of Postgres: of all computes, or of the control database; the oldest first. */
  postgresProcesses(of: 'hosts' | 'control-database'): readonly number[] {
    return findProcesses(join(this.dataDir, of))
      .filter(({ detail }) => detail.includes('postgres') && !/main\.js|bwrap/.test(detail))
      .map(({ name }) => Number(name));
  }

  /** Kills the oldest process of Postgres with SIGKILL; `false` when there was none. */
  killPostgres(of: 'hosts' | 'control-database'): boolean {
    const [oldest] = this.postgresProcesses(of);
    const identity = oldest === undefined ? undefined : identifyProcess(oldest);
    return identity !== undefined && signalProcess(identity, 'SIGKILL');
  }

  /** Sends a signal to the newest process of this name; throws when there is none. */
  signal(name: string, signal: NodeJS.Signals): PlatformProcess {
    const found = this.processes().findLast((each) => each.name === name && !each.draining);
    if (!found || !signalProcess(found, signal)) throw new Error(`no process ${name} is running`);
    return found;
  }

  /** Calls the API with the admin key. */
  async api<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<ApiResponse<Body>> {
    const response = await fetch(`${this.apiUrl}/api/v2${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as Body };
  }

  /** Creates a project and returns what the API answered. */
  async createProject(project: object = {}): Promise<CreatedProject> {
    const { status, body } = await this.api<CreatedProject>('POST', '/projects', { project });
    if (status === 201) return body;
    throw new Error(`creating a project was answered with ${status}: ${JSON.stringify(body)}`);
  }

  /** Waits until no operation of a project is left to do. */
  async settle(projectId: string): Promise<readonly Operation[]> {
    const list = async () => {
      const { body } = await this.api<{ operations: Operation[] }>(
        'GET',
        `/projects/${projectId}/operations`,
      );
      const pending = ['scheduling', 'running', 'cancelling'];
      return body.operations.some(({ status }) => pending.includes(status))
        ? undefined
        : body.operations;
    };
    return await waitUntil(list, { what: `the operations of ${projectId}`, timeoutMs: 60_000 });
  }

  /** What `up` wrote and what asks for attention in the logs, for the message of a failed test. */
  describe(): string {
    const lines = loudLines(join(this.dataDir, 'log')).map(({ file, text }) => `${file}: ${text}`);
    return [this.#output.stdout, this.#output.stderr, ...lines.slice(-50)].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const problems = [...(await this.#end()), ...this.#unexpectedLogs()];
    rmSync(join(this.dataDir, '..'), { recursive: true, force: true });
    if (problems.length > 0) throw new Error(`the platform left:\n${problems.join('\n')}`);
  }

  async #end(): Promise<string[]> {
    if (!this.#up) return [];
    const wasUp = this.isUp;
    const code = await this.stop().catch((error: unknown) => String(error));
    const leaks = findLeaks(this.dataDir);
    removeLeaks(this.dataDir);
    if (!wasUp && this.#up.signalCode !== null) return [];
    const left = leaks.map(({ kind, name, detail }) => `${kind} ${name}: ${detail}`);
    return wasUp && code !== 0 ? [`exit code ${code}`, ...left] : left;
  }

  #unexpectedLogs(): string[] {
    const expected = this.#options.expectedLogs ?? [];
    return loudLines(join(this.dataDir, 'log'))
      .filter(({ text }) => !expected.some((pattern) => pattern.test(text)))
      .map(({ file, text }) => `${file}: ${text}`);
  }
}

/** Starts a platform; see {@link Platform}. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const platform = await Platform.prepare(options);
  try {
    await platform.start();
  } catch (error) {
    await platform[Symbol.asyncDispose]().catch(() => undefined);
    throw error;
  }
  return platform;
}

// After a test that killed `up` on purpose, or found a leak: the machine is shared.
function removeLeaks(directory: string): void {
  for (const { name } of findProcesses(directory)) {
    try {
      process.kill(Number(name), 'SIGKILL');
    } catch {
      // Gone by itself.
    }
  }
  const mounts = findLeaks(directory).filter(({ kind }) => kind === 'mount');
  for (const { name } of mounts.toReversed()) spawnSync('umount', ['-l', name]);
}
