import { chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileLock } from '@pgfleet/kit';
import { AdminConnection } from './admin-connection.ts';
import { adminVerifier, createAdminSecret } from './admin-secret.ts';
import { ComputeError } from './compute-error.ts';
import { initializeCluster, syncCluster } from './initialize-cluster.ts';
import type { InstallationView } from './installation-view.ts';
import { effectiveOwner, type Owner } from './owner.ts';
import type { Sandbox } from './sandbox.ts';
import { baseSettings } from './settings.ts';
import { startInstance } from './start-instance.ts';
import { removeRebuildableCaches } from './rebuildable-caches.ts';
import {
  clusterStatements,
  databaseStatements,
  TEMPLATE_DATABASE,
  TEMPLATE_ROLE,
} from './template-sql.ts';

export interface CreateTemplateOptions {
  readonly view: InstallationView;
  readonly sandbox: Pick<Sandbox, 'level'>;
  /** Becomes the data directory; must be absent or empty. Removed again when creation fails. */
  readonly directory: string;
  /** Who owns the files; required when root, ignored otherwise. */
  readonly owner?: Owner;
  readonly signal?: AbortSignal;
}

/** A prepared cluster at rest, synced, ready to be cloned. */
export interface Template {
  readonly major: number;
  /** `cloud_admin`'s secret in every fresh clone, until `applySpec` replaces it. */
  readonly adminSecret: string;
}

/**
 * Makes a cluster with pgfleet's roles and `neondb`, owned by `neondb_owner`, and leaves it cleanly
 * stopped and synced.
 *
 * @throws ComputeError `initdb_failed`, or whatever {@link startInstance} throws.
 */
export async function createTemplate(options: CreateTemplateOptions): Promise<Template> {
  const owner = effectiveOwner(options.owner);
  await makeEmptyDirectory(options.directory, owner);
  const work = await mkdtemp(join(tmpdir(), 'pgfleet-'));
  const adminSecret = createAdminSecret();
  try {
    if (owner) await chown(work, owner.uid, owner.gid);
    await build({ ...options, work, adminSecret });
    return { major: options.view.major, adminSecret };
  } catch (error) {
    await rm(options.directory, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Build = CreateTemplateOptions & { readonly work: string; readonly adminSecret: string };

async function build(options: Build): Promise<void> {
  const place = {
    view: options.view,
    dataDirectory: options.directory,
    socketDirectory: options.work,
    owner: effectiveOwner(options.owner),
  };
  const verifier = await adminVerifier(options.adminSecret);
  await initializeCluster(options.sandbox.level, place, { verifier, signal: options.signal });
  await runOnce(options, async () => populate(options));
  await removeRebuildableCaches(options.directory);
  await syncCluster(options.sandbox.level, place, { signal: options.signal });
}

async function runOnce(options: Build, work: () => Promise<void>): Promise<void> {
  const lock = FileLock.tryAcquire(join(options.work, 'lock'));
  if (!lock) throw new ComputeError('timeline_locked', 'the template is being made already');
  using _lock = lock;
  const instance = await startInstance({
    ...options,
    dataDirectory: options.directory,
    socketDirectory: options.work,
    logFile: join(options.work, 'log'),
    lock,
    settings: { ...baseSettings, shared_buffers: '16MB', fsync: 'off', max_wal_size: '128MB' },
  });
  try {
    await work();
  } finally {
    await instance.stop();
  }
}

async function populate({ work, adminSecret, view, signal }: Build): Promise<void> {
  const login = { socketDirectory: work, secrets: [adminSecret], ...(signal ? { signal } : {}) };
  // What every new database starts with stands in template1; postgres was copied before.
  for (const database of ['template1', 'postgres']) {
    await using connection = await AdminConnection.open({ ...login, database });
    if (database === 'template1') await connection.script(clusterStatements(view.major));
    await connection.script(databaseStatements(view.major));
  }
  await using connection = await AdminConnection.open(login);
  await connection.script([`CREATE DATABASE ${TEMPLATE_DATABASE} OWNER ${TEMPLATE_ROLE}`]);
}

async function makeEmptyDirectory(directory: string, owner: Owner | undefined): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length > 0) {
    throw new ComputeError('initdb_failed', 'the directory for the template is not empty');
  }
  if (owner) await chown(directory, owner.uid, owner.gid);
}
