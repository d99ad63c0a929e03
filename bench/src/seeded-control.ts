import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrap, migrate, openDatabase } from '@pgfleet/control';
import { nodeOptions } from '@pgfleet/control/node-options';
import { silentLogger } from '@pgfleet/kit';
import { freePort, seedFleet } from '@pgfleet/testkit';
import type { Fleet } from '@pgfleet/testkit';

const MAIN = join(import.meta.dirname, '../../packages/control/dist/main.js');

/** A control, a process as in operation, on a database that was seeded with a fleet. */
export class SeededControl implements AsyncDisposable {
  readonly fleet: Fleet;
  readonly url: string;
  readonly adminKey: string;
  readonly #directory: string;
  readonly #process: ChildProcess;
  readonly #ports: Ports;

  private constructor(
    { fleet, url, directory }: Seeded,
    { process, ports }: { readonly process: ChildProcess; readonly ports: Ports },
  ) {
    this.fleet = fleet;
    this.url = url;
    this.adminKey = readFileSync(join(directory, 'admin.key'), 'utf8').trim();
    this.#directory = directory;
    this.#process = process;
    this.#ports = ports;
  }

  /** Seeds an empty database and starts a control on it. */
  static async open(url: string, projects: number): Promise<SeededControl> {
    const directory = mkdtempSync(join(tmpdir(), 'pgfleet-bench-'));
    const seeded = { fleet: await seed(url, { directory, projects }), url, directory };
    return new SeededControl(seeded, await start(seeded));
  }

  /** Reads an answer of the public API to its end. @throws Error when it refuses. */
  get(path: string, key = this.adminKey): Promise<string> {
    return read(`http://127.0.0.1:${this.#ports.api}${path}`, key);
  }

  /** Asks as a proxy does where an endpoint is. */
  route(endpointId: string): Promise<string> {
    const path = `/internal/v1/endpoints/${endpointId}/route`;
    return read(`http://127.0.0.1:${this.#ports.internal}${path}`, 'internal');
  }

  /** Resident memory of the process, in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Ends the process; the database stays. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

interface Seeded {
  readonly fleet: Fleet;
  readonly url: string;
  readonly directory: string;
}

interface Ports {
  readonly api: number;
  readonly internal: number;
}

async function seed(
  url: string,
  { directory, projects }: { readonly directory: string; readonly projects: number },
): Promise<Fleet> {
  const db = openDatabase({ url, maxConnections: 1, log: silentLogger() });
  await migrate(db);
  await bootstrap({ db, keyFile: join(directory, 'admin.key'), log: silentLogger() });
  await db.destroy();
  return seedFleet(url, { projects, isChecked: false });
}

async function start({ url, directory }: Seeded) {
  const ports = { api: await freePort(), internal: await freePort() };
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, 'internal');
  const child = fork(MAIN, {
    execArgv: [...nodeOptions],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      PGFLEET_LOG_LEVEL: 'error',
      PGFLEET_INTERNAL_TOKEN_FILE: tokenFile,
      PGFLEET_CONTROL_ADDRESS: `http://127.0.0.1:${ports.internal}`,
      PGFLEET_MASTER_KEY: randomBytes(32).toString('hex'),
      PGFLEET_API_PORT: String(ports.api),
      PGFLEET_DATABASE_URL: url,
      PGFLEET_ADMIN_KEY_FILE: join(directory, 'admin.key'),
      ...noLimits,
    },
  });
  await once(child, 'message');
  return { process: child, ports };
}

// One caller asks as much here as many do in operation.
const noLimits = {
  PGFLEET_RATE_LIMIT_PER_MINUTE: '0',
  PGFLEET_RATE_LIMIT_ROUTE_PER_SECOND: '0',
  PGFLEET_RATE_LIMIT_CONSUMPTION_PER_MINUTE: '0',
};

async function read(url: string, key: string): Promise<string> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  const text = await response.text();
  if (response.status >= 300) throw new Error(`${url}: ${response.status} ${text}`);
  return text;
}
