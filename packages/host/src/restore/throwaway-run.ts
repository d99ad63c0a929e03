import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { chownSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  AdminConnection,
  ComputeError,
  readControlFile,
  settingsFor,
  startInstance,
} from '@pgfleet/compute';
import type { Owner, PostgresSettings, Sandbox } from '@pgfleet/compute';
import { PgfleetError } from '@pgfleet/contract';
import type { FileLock } from '@pgfleet/kit';
import type { Volume } from '@pgfleet/volume';
import type { HostLayout } from '../storage/host-layout.ts';
import type { PostgresBuilds } from '../timelines/postgres-builds.ts';

export interface ThrowawayParts {
  readonly volume: Volume;
  readonly layout: HostLayout;
  readonly builds: PostgresBuilds;
  readonly sandbox: Sandbox;
}

export interface ThrowawayRun {
  readonly major: number;
  readonly dataDirectory: string;
  /** The held lock of the timeline. */
  readonly lock: FileLock;
  readonly owner?: Owner;
  /** `cloud_admin`'s possible secrets. */
  readonly secrets: readonly string[];
  readonly settings?: PostgresSettings;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What an instance is started with that nobody but pgfleet connects to. */
export interface ThrowawayPlace {
  readonly socketDirectory: string;
  readonly logFile: string;
  readonly settings: PostgresSettings;
}

/** What work inside a throw-away instance may use. */
export interface ThrowawayAccess {
  readonly socketDirectory: string;
  readonly secrets: readonly string[];
  readonly connection: AdminConnection;
}

const START_TIMEOUT_MS = 600_000;
const STATEMENT_TIMEOUT_MS = 600_000;
// One segment of WAL, and a little more.
const NEEDED_BYTES = 20 * 1024 * 1024;
// Enough for recovery and administrative work, little enough for many at a time: what is sized by the
// number of connections is most of what a start takes. Prepared transactions need their locks again.
const SIZE = { minCu: 0.25, maxCu: 0.5 };
const CONNECTIONS = '20';
const WORKERS = '12';

/**
 * Runs Postgres on a timeline at rest for pgfleet's own work: no client finds its socket, no
 * subscription and no autovacuum works in it. It is stopped cleanly in the end, also when the work
 * fails; and at once when the signal aborts, which ends whatever statement is running.
 *
 * @throws PgfleetError `disk_full`; whatever a start or `work` throws; the signal's reason.
 */
export async function withThrowawayRun<T>(
  parts: ThrowawayParts,
  run: ThrowawayRun,
  work: (access: ThrowawayAccess) => Promise<T>,
): Promise<T> {
  return withThrowawayPlace(parts, run, async ({ socketDirectory, logFile, settings }) => {
    const instance = await startInstance({
      view: await parts.builds.view(run.major),
      sandbox: parts.sandbox,
      lock: run.lock,
      dataDirectory: run.dataDirectory,
      socketDirectory,
      logFile,
      settings: { ...settings, ...run.settings },
      timeoutMs: run.timeoutMs ?? START_TIMEOUT_MS,
      ...(run.owner && { owner: run.owner }),
      ...(run.signal && { signal: run.signal }),
    }).catch(async (error: unknown) => {
      throw await nameFailure(parts, error);
    });
    const stop = () => instance.stop('fast');
    const stopEarly = () => void stop().catch(() => undefined);
    run.signal?.addEventListener('abort', stopEarly, { once: true });
    try {
      const { secrets, signal } = run;
      await using connection = await AdminConnection.open({
        socketDirectory,
        secrets,
        timeoutMs: STATEMENT_TIMEOUT_MS,
        ...(signal && { signal }),
      });
      const result = await work({ socketDirectory, secrets, connection });
      // What was cut off may look like something that was found.
      signal?.throwIfAborted();
      return result;
    } catch (error) {
      run.signal?.throwIfAborted();
      throw error;
    } finally {
      run.signal?.removeEventListener('abort', stopEarly);
      await stop();
    }
  });
}

// Postgres on a full disk ends like one that is broken.
async function nameFailure({ volume }: ThrowawayParts, error: unknown): Promise<unknown> {
  if (!(error instanceof ComputeError)) return error;
  const { freeBytes } = await volume.usage();
  return freeBytes < NEEDED_BYTES ? new PgfleetError('disk_full', { cause: error }) : error;
}

/** How the names of the files end that say which tree a throw-away instance runs on. */
export const THROWAWAY_NOTE = '.tree';

/** Gives `work` a socket directory and a log of its own, which are gone afterwards. */
export async function withThrowawayPlace<T>(
  { layout }: Pick<ThrowawayParts, 'layout'>,
  { major, dataDirectory, owner }: Pick<ThrowawayRun, 'major' | 'dataDirectory' | 'owner'>,
  work: (place: ThrowawayPlace) => Promise<T>,
): Promise<T> {
  const socketDirectory = await mkdtemp(join(layout.throwawayDir, 't'));
  const logFile = `${socketDirectory}.log`;
  const noteFile = `${socketDirectory}${THROWAWAY_NOTE}`;
  if (owner) chownSync(socketDirectory, owner.uid, owner.gid);
  try {
    await writeFile(noteFile, basename(dataDirectory), { mode: 0o600 });
    return await work({
      socketDirectory,
      logFile,
      settings: throwawaySettings(major, dataDirectory),
    });
  } finally {
    await rm(socketDirectory, { recursive: true, force: true });
    await rm(logFile, { force: true });
    await rm(noteFile, { force: true });
  }
}

// Prepared transactions of the cluster need their places again. Of workers there are as many as the
// smallest compute has: with more its replicas would follow no further, with less they would not follow
// the compute that comes after.
function throwawaySettings(major: number, dataDirectory: string): PostgresSettings {
  const { maxPreparedTransactions } = readControlFile(dataDirectory);
  return settingsFor({
    major,
    ...SIZE,
    override: {
      max_connections: CONNECTIONS,
      max_worker_processes: WORKERS,
      max_pred_locks_per_transaction: '10',
      max_prepared_transactions: String(maxPreparedTransactions),
      max_logical_replication_workers: '0',
      autovacuum: 'off',
    },
  });
}
