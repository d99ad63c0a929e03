import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AdminConnection,
  createTemplate,
  DataDirectory,
  detectSandbox,
  ensureInstallationView,
  findInstallations,
  readControlFile,
  settingsFor,
  startInstance,
} from '@pgfleet/compute';
import type {
  ControlFile,
  Instance,
  InstallationView,
  Owner,
  PostgresSettings,
  Sandbox,
} from '@pgfleet/compute';
import { newTimelineId } from '@pgfleet/contract';
import { FileLock, silentLogger } from '@pgfleet/kit';
import { openVolume } from '@pgfleet/volume';
import type { DriverName, Volume } from '@pgfleet/volume';
import { parseLsn } from './wal-segment.ts';

const IMAGE_BYTES = 3 * 1024 ** 3;
const TEMPLATE = 'template';

interface Parts {
  readonly directory: string;
  readonly volume: Volume;
  readonly view: InstallationView;
  readonly sandbox: Sandbox;
  readonly owner: Owner | undefined;
  readonly adminSecret: string;
}

/** For tests: a timeline on a volume of its own, and whatever trees are cloned from it. */
export class TestCluster implements AsyncDisposable {
  readonly timelineId = newTimelineId();
  readonly volume: Volume;
  readonly owner: Owner | undefined;
  readonly #parts: Parts;
  readonly #instances = new Set<Instance>();

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.volume = parts.volume;
    this.owner = parts.owner;
  }

  static async open(driver: DriverName, major = 17): Promise<TestCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'pgfleet-history-'));
    const log = silentLogger();
    const volume = await openVolume({ directory, driver, log, imageBytes: IMAGE_BYTES });
    const owner = process.geteuid?.() === 0 ? { uid: 61_234, gid: 61_234 } : undefined;
    const owned = owner ? { owner } : {};
    const installation = (await findInstallations()).find((found) => found.major === major);
    const view = await ensureInstallationView(installation!, join(directory, 'views'));
    const sandbox = await detectSandbox({ view, directory });
    const template = await volume.create(TEMPLATE, owned);
    const { adminSecret } = await createTemplate({ view, sandbox, directory: template, ...owned });
    const cluster = new TestCluster({ directory, volume, view, sandbox, owner, adminSecret });
    await volume.clone(TEMPLATE, cluster.timelineId);
    return cluster;
  }

  path(tree: string = this.timelineId): string {
    return this.volume.path(tree);
  }

  data(tree?: string): DataDirectory {
    return DataDirectory.open(this.path(tree));
  }

  control(tree?: string): ControlFile {
    return readControlFile(this.path(tree));
  }

  /** Starts Postgres on a tree as the host does, never recycling WAL. */
  async start(tree: string = this.timelineId, override: PostgresSettings = {}): Promise<Instance> {
    const { directory, view, sandbox, owner } = this.#parts;
    using lock = FileLock.tryAcquire(join(directory, `${tree}.lock`))!;
    const settings = settingsFor({ major: view.major, minCu: 0.25, maxCu: 0.25, override });
    const instance = await startInstance({
      view,
      sandbox,
      lock,
      dataDirectory: this.path(tree),
      socketDirectory: this.#sockets(tree),
      logFile: join(directory, `${tree}.log`),
      settings: { ...settings, wal_keep_size: '2147483647', ...override },
      ...(owner ? { owner } : {}),
    });
    this.#instances.add(instance);
    return instance;
  }

  connect(tree: string = this.timelineId): Promise<AdminConnection> {
    const secrets = [this.#parts.adminSecret];
    return AdminConnection.open({ socketDirectory: this.#sockets(tree), secrets });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const instance of this.#instances) await instance.stop('immediate');
    await this.volume[Symbol.asyncDispose]();
    await rm(this.#parts.directory, { recursive: true });
  }

  #sockets(tree: string): string {
    return join(this.#parts.directory, `${tree}-run`);
  }
}

/** Writes about so many bytes of WAL into `public.ledger`. */
export async function writeWal(admin: AdminConnection, bytes: number): Promise<void> {
  const rows = Math.ceil(bytes / 2_050);
  await admin.script([
    'CREATE TABLE IF NOT EXISTS public.ledger (id bigserial PRIMARY KEY, filler text)',
    `INSERT INTO public.ledger (filler)
      SELECT repeat(md5(n::text), 60) FROM generate_series(1, ${rows}) n`,
  ]);
}

/** Until where WAL is on disk. */
export async function flushedLsn(admin: AdminConnection): Promise<bigint> {
  const [row] = await admin.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn');
  return parseLsn(row!.lsn);
}
