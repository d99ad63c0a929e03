import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  masterKey,
  postmasters,
  testClient,
  testDirectory,
  testOptions,
  testToken,
} from './test-host.ts';

const packageDirectory = fileURLToPath(new URL('..', import.meta.url));

/** For tests: hosts that run as processes of their own, one after the other, on one directory. */
export class HostProcesses implements AsyncDisposable {
  readonly path: string;
  readonly client: ReturnType<typeof testClient>;
  readonly #directory: Awaited<ReturnType<typeof testDirectory>>;
  readonly #children = new Set<ChildProcess>();
  readonly #env: NodeJS.ProcessEnv;

  private constructor(
    directory: Awaited<ReturnType<typeof testDirectory>>,
    env: NodeJS.ProcessEnv,
  ) {
    this.#directory = directory;
    this.#env = env;
    this.path = directory.path;
    this.client = testClient(directory.path);
  }

  // The processes run compiled files: Node cannot read TypeScript before version 22.
  static async open(env: NodeJS.ProcessEnv = {}): Promise<HostProcesses> {
    await promisify(execFile)('npx', ['tsc', '-b', packageDirectory]);
    return new HostProcesses(await testDirectory(), env);
  }

  async start(): Promise<ChildProcess> {
    const child = this.spawn();
    const failed = once(child, 'exit').then(() => {
      throw new Error('the host ended before it was ready');
    });
    await Promise.race([once(child, 'message'), failed]);
    failed.catch(() => undefined);
    return child;
  }

  spawn(env: NodeJS.ProcessEnv = {}): ChildProcess {
    const options = testOptions(this.path);
    const tokenFile = join(this.path, 'internal.key');
    writeFileSync(tokenFile, testToken);
    const child = spawn(process.execPath, [join(packageDirectory, 'dist', 'main.js')], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        ...process.env,
        PGFLEET_DATA_DIR: this.path,
        PGFLEET_LOG_LEVEL: process.env['PGFLEET_TEST_LOG'] ?? 'silent',
        PGFLEET_INTERNAL_TOKEN_FILE: tokenFile,
        PGFLEET_MASTER_KEY: masterKey.toString('hex'),
        PGFLEET_HOST_ID: options.hostId,
        PGFLEET_REGION: options.regionId,
        PGFLEET_HOST_DIR: options.hostDir,
        PGFLEET_HOST_ADDRESS: options.address,
        PGFLEET_RUN_DIR: options.runDir,
        PGFLEET_VOLUME: 'copy',
        PGFLEET_SPARE_CLONES: '0',
        ...this.#env,
        ...env,
      },
    });
    this.#children.add(child);
    return child;
  }

  async kill(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
    this.#children.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  }

  /** Ends what a test has started, whatever its outcome. */
  async endAll(): Promise<void> {
    for (const child of this.#children) await this.kill(child, 'SIGKILL');
    for (const tree of this.timelines()) {
      for (const pid of postmasters(this.path, tree)) process.kill(pid, 'SIGKILL');
    }
  }

  /** Names of trees that begin so. */
  trees(prefix = ''): readonly string[] {
    const names = readdirSync(join(this.path, 'host', 'volume', 'volume', 'trees'));
    return names.filter((name) => name.startsWith(prefix)).toSorted();
  }

  /** Ids of timelines with a record. */
  timelines(): readonly string[] {
    const records = join(this.path, 'host', 'timelines');
    if (!existsSync(records)) return [];
    return readdirSync(records).map((file) => file.replace(/\.json$/, ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endAll();
    await this.client[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}
