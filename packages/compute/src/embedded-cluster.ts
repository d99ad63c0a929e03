import { readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileLock, hasErrorCode, syncDirectory, writeFileAtomic } from '@pgfleet/kit';
import { ADMIN_ROLE } from './admin-connection.ts';
import { adminVerifier, createAdminSecret } from './admin-secret.ts';
import { adoptInstance } from './adopt-instance.ts';
import { ComputeError } from './compute-error.ts';
import { initializeCluster, syncCluster } from './initialize-cluster.ts';
import type { InstallationView } from './installation-view.ts';
import type { Instance, InstanceExit } from './instance.ts';
import { effectiveOwner, type Owner } from './owner.ts';
import type { Sandbox } from './sandbox.ts';
import { baseSettings, type PostgresSettings } from './settings.ts';
import { startInstance } from './start-instance.ts';

export interface EmbeddedClusterOptions {
  readonly view: InstallationView;
  readonly sandbox: Pick<Sandbox, 'level'>;
  /** Holds everything that lasts: `data`, `lock`, `secret`, `log`. */
  readonly directory: string;
  /** Where the socket goes; `<directory>/run` when left out. */
  readonly socketDirectory?: string;
  /** Required when root, ignored otherwise. */
  readonly owner?: Owner;
  /** On top of `baseSettings`. */
  readonly settings?: PostgresSettings;
  readonly signal?: AbortSignal;
}

/** What `pg` needs to log in. */
export interface ConnectionConfig {
  /** The directory of the Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * pgfleet's own Postgres: initialised if absent, adopted if it runs already, else started.
 *
 * Only the process that stops it ends it; when the opener dies it goes on, to be adopted.
 */
export class EmbeddedCluster {
  readonly connection: ConnectionConfig;
  readonly #instance: Instance;

  private constructor(connection: ConnectionConfig, instance: Instance) {
    this.connection = connection;
    this.#instance = instance;
  }

  /** @throws ComputeError as {@link startInstance} does, or `initdb_failed`. */
  static async open(options: EmbeddedClusterOptions): Promise<EmbeddedCluster> {
    const paths = pathsOf(options);
    await mkdir(options.directory, { recursive: true, mode: 0o711 });
    await mkdir(paths.socketDirectory, { recursive: true, mode: 0o700 });
    const instance =
      (await adoptInstance(paths, undefined, options.signal)) ?? (await start(options));
    return new EmbeddedCluster(
      {
        host: paths.socketDirectory,
        port: 5432,
        user: ADMIN_ROLE,
        password: readFileSync(paths.secretFile, 'utf8'),
        database: 'postgres',
      },
      instance,
    );
  }

  /** Resolves when the cluster is gone, wanted or not. */
  get exited(): Promise<InstanceExit> {
    return this.#instance.exited;
  }

  /** Stops Postgres with a fast shutdown, bounded by harder ones. */
  async stop(): Promise<void> {
    await this.#instance.stop();
  }
}

async function start(options: EmbeddedClusterOptions): Promise<Instance> {
  const paths = pathsOf(options);
  const lock = FileLock.tryAcquire(paths.lockPath);
  if (!lock) throw new ComputeError('timeline_locked', 'the embedded database is starting already');
  using _lock = lock;
  if (!isInitialized(paths.secretFile)) await initialize(options);
  return await startInstance({
    ...options,
    ...paths,
    lock,
    settings: { ...baseSettings, ...options.settings },
  });
}

// The secret is written last, so that it stands for a complete cluster.
async function initialize(options: EmbeddedClusterOptions): Promise<void> {
  const paths = pathsOf(options);
  const draft = join(options.directory, 'data.new');
  const owner = effectiveOwner(options.owner);
  const place = { ...options, ...paths, dataDirectory: draft, owner };
  await rm(draft, { recursive: true, force: true });
  await rm(paths.dataDirectory, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  const secret = createAdminSecret();
  const { level } = options.sandbox;
  const verifier = await adminVerifier(secret);
  await initializeCluster(level, place, { verifier, signal: options.signal });
  await syncCluster(level, place, { signal: options.signal });
  await rename(draft, paths.dataDirectory);
  await syncDirectory(options.directory);
  await writeFileAtomic(paths.secretFile, secret);
}

function isInitialized(secretFile: string): boolean {
  try {
    return readFileSync(secretFile, 'utf8').length > 0;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw error;
  }
}

interface Paths {
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly lockPath: string;
  readonly logFile: string;
  readonly secretFile: string;
}

function pathsOf({ directory, socketDirectory }: EmbeddedClusterOptions): Paths {
  return {
    dataDirectory: join(directory, 'data'),
    socketDirectory: socketDirectory ?? join(directory, 'run'),
    lockPath: join(directory, 'lock'),
    logFile: join(directory, 'log'),
    secretFile: join(directory, 'secret'),
  };
}
