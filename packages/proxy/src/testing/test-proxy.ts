import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createLogger, ensureServerCertificate, readConfig, Shutdown } from '@pgfleet/kit';
import { ProxyConfig } from '../config.ts';
import { openProxy } from '../proxy.ts';
import type { ProxyServer } from '../proxy-server.ts';
import { FakeFleet } from './fake-fleet.ts';

/** A proxy with a certificate from a local authority, in front of a {@link FakeFleet}. */
export class TestProxy implements AsyncDisposable {
  readonly directory: string;
  readonly fleet: FakeFleet;
  readonly caPath: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logLines: Record<string, unknown>[] = [];
  readonly #shutdown: Shutdown;
  readonly #log;
  #server: ProxyServer | undefined;
  #ownsDirectory = true;

  private constructor(
    directory: string,
    fleet: FakeFleet,
    files: { readonly caPath: string; readonly env: NodeJS.ProcessEnv },
  ) {
    this.directory = directory;
    this.fleet = fleet;
    this.caPath = files.caPath;
    this.env = files.env;
    const lines = new PassThrough();
    lines.on('data', (line: Buffer) => {
      this.logLines.push(JSON.parse(line.toString()) as Record<string, unknown>);
    });
    this.#log = createLogger({ process: 'proxy', destination: lines });
    this.#shutdown = new Shutdown(this.#log);
  }

  static async open({ env = {} }: { readonly env?: NodeJS.ProcessEnv } = {}): Promise<TestProxy> {
    const directory = await mkdtemp(join(tmpdir(), 'pgf-px-'));
    const fleet = await FakeFleet.open(directory);
    const tls = await ensureServerCertificate(join(directory, 'tls'), ['localhost', '*.localhost']);
    const proxy = new TestProxy(directory, fleet, {
      caPath: tls.caPath,
      env: {
        PGFLEET_PG_PORT: '0',
        PGFLEET_TLS_CERT_FILE: tls.certPath,
        PGFLEET_TLS_KEY_FILE: tls.keyPath,
        PGFLEET_CONTROL_ADDRESS: fleet.controlAddress,
        PGFLEET_INTERNAL_TOKEN_FILE: join(directory, 'internal.token'),
        PGFLEET_PROXY_DIR: join(directory, 'proxy'),
        PGFLEET_RUN_DIR: join(directory, 'run'),
        ...env,
      },
    });
    await proxy.#start();
    return proxy;
  }

  /** Another worker of the same installation. */
  async addWorker(): Promise<TestProxy> {
    const worker = new TestProxy(this.directory, this.fleet, this);
    worker.#ownsDirectory = false;
    await worker.#start();
    return worker;
  }

  get server(): ProxyServer {
    if (!this.#server) throw new Error('the proxy is not open');
    return this.#server;
  }

  get port(): number {
    return this.server.port;
  }

  /** Ends the proxy, not what stands behind it. */
  async stop(): Promise<void> {
    if (!(await this.#shutdown.run())) throw new Error('the proxy did not stop cleanly');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (!this.#ownsDirectory) return;
    await this.fleet[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    this.#server = await openProxy({
      config: readConfig(ProxyConfig, this.env),
      token: this.fleet.token,
      log: this.#log,
      shutdown: this.#shutdown,
    });
  }
}
