import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@pgfleet/testkit';

const packageDirectory = fileURLToPath(new URL('../..', import.meta.url));

/** Controls that run as processes of their own, one after the other, on one database. */
export class ControlProcesses implements AsyncDisposable {
  readonly directory: string;
  readonly #databaseUrl: string;
  readonly #port: number;
  readonly #children = new Set<ChildProcess>();

  private constructor(directory: string, databaseUrl: string, port: number) {
    this.directory = directory;
    this.#databaseUrl = databaseUrl;
    this.#port = port;
  }

  /** The processes run compiled files: Node cannot read TypeScript before version 22. */
  static async open(databaseUrl: (directory: string) => string): Promise<ControlProcesses> {
    await promisify(execFile)('npx', ['tsc', '-b', packageDirectory]);
    const directory = mkdtempSync(join(tmpdir(), 'pgfleet-control-'));
    return new ControlProcesses(directory, databaseUrl(directory), await freePort());
  }

  async start(): Promise<ChildProcess> {
    const token = join(this.directory, 'internal.key');
    writeFileSync(token, 'internal');
    const child = spawn(process.execPath, [join(packageDirectory, 'dist', 'main.js')], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env,
        PGFLEET_LOG_LEVEL: 'fatal',
        PGFLEET_INTERNAL_TOKEN_FILE: token,
        PGFLEET_CONTROL_ADDRESS: `unix:${join(this.directory, 'control.sock')}`,
        PGFLEET_MASTER_KEY: '11'.repeat(32),
        PGFLEET_API_PORT: String(this.#port),
        PGFLEET_DATABASE_URL: this.#databaseUrl,
        PGFLEET_ADMIN_KEY_FILE: join(this.directory, 'admin.key'),
        PGFLEET_RESTORE_DRILLS: 'off',
      },
    });
    this.#children.add(child);
    const [first] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
    if (first !== 'ready') throw new Error(`control ended with ${String(first)}`);
    return child;
  }

  async kill(child: ChildProcess): Promise<void> {
    this.#children.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Sends a change as the admin. */
  async change(
    method: 'POST' | 'PATCH',
    path: string,
    { key, body }: { readonly key: string; readonly body: object },
  ): Promise<{ readonly status: number; readonly text: string }> {
    const admin = readFileSync(join(this.directory, 'admin.key'), 'utf8').trim();
    const answer = await fetch(`http://127.0.0.1:${this.#port}/api/v2${path}`, {
      method,
      body: JSON.stringify(body),
      headers: {
        authorization: `Bearer ${admin}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
    });
    return { status: answer.status, text: await answer.text() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await this.kill(child);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
