import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type FileLock, identifyProcess, sleep, waitUntil } from '@pgfleet/kit';
import { ComputeError } from './compute-error.ts';
import type { InstallationView } from './installation-view.ts';
import { Instance, type InstanceRecord } from './instance.ts';
import { killProcess } from './kill-process.ts';
import type { LimitGroup } from './limits.ts';
import { logBytes, logTail, openLogFile } from './log-file.ts';
import { effectiveOwner, type Owner } from './owner.ts';
import {
  readPostmasterStatus,
  removeStalePostmasterFiles,
  SOCKET_NAME,
} from './postmaster-file.ts';
import { type Primary, primaryConninfo } from './primary-conninfo.ts';
import { findLockHolders, findPostmaster } from './process-tree.ts';
import type { Sandbox } from './sandbox.ts';
import { insidePaths, sandboxedCommand } from './sandboxed-command.ts';
import { SETTINGS_FILE, writeSettings } from './settings-file.ts';
import type { PostgresSettings } from './settings.ts';
import { spawnSandboxed } from './spawn-sandboxed.ts';

/** What an instance is started with; all paths are absolute. */
export interface StartInstanceOptions {
  readonly view: InstallationView;
  readonly sandbox: Pick<Sandbox, 'level'>;
  /** The held lock of the timeline. The instance shares it; the caller may release its copy. */
  readonly lock: FileLock;
  readonly dataDirectory: string;
  /** Private to the instance; created 0700 when absent. The socket in it is `.s.PGSQL.5432`. */
  readonly socketDirectory: string;
  /** Appended to; see `boundLogFile`. */
  readonly logFile: string;
  /** Given on the command line, so no file and no `ALTER SYSTEM` of a tenant overrides them. */
  readonly settings: PostgresSettings;
  /** Given in a file that {@link LiveSettings} writes anew; pgfleet's own file is not read when left out. */
  readonly changeable?: PostgresSettings;
  /** What it follows, if it is the standby of another one; see {@link prepareFollower}. */
  readonly primary?: Primary;
  /** Required when root, ignored otherwise. */
  readonly owner?: Owner;
  /**
   * Where the first process is put as soon as it is there. Those that come before that is done are
   * left to the caller, who need not let a client wait for it: {@link LimitGroup.add} it again.
   */
  readonly limitGroup?: LimitGroup;
  /** From spawn to ready; 60,000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface Start {
  readonly options: StartInstanceOptions;
  readonly child: ChildProcess;
  /** The log's size before this start. */
  readonly logStart: number;
}

// sockaddr_un.sun_path of macOS, the smallest, without the final NUL.
const MAX_SOCKET_PATH_BYTES = 103;
const DEFAULT_TIMEOUT_MS = 60_000;
// A clean start takes tens of milliseconds and a client waits for it; recovery takes longer.
const EAGER_INTERVAL_MS = 1;
const PATIENT_INTERVAL_MS = 10;
const EAGER_FOR_MS = 300;

// One description of an open file can hold its lock for two postmasters as well as for one.
const locksInUse = new WeakSet<FileLock>();

/**
 * Starts Postgres and resolves when it accepts connections; during an archive recovery with
 * `hot_standby=on` these are read-only, with `hot_standby=off` it resolves when recovery is over.
 *
 * @throws ComputeError `timeline_locked` when the lock serves an instance already,
 * `instance_start_failed` when Postgres exits (the end of its log is the `cause`),
 * `instance_start_timeout`, `socket_path_too_long`; the signal's reason when it aborts. Nothing is
 * left running then.
 */
export async function startInstance(options: StartInstanceOptions): Promise<Instance> {
  options.signal?.throwIfAborted();
  assertSocketFits(options.socketDirectory);
  if (locksInUse.has(options.lock)) {
    throw new ComputeError('timeline_locked', 'an instance runs on this timeline already');
  }
  locksInUse.add(options.lock);
  try {
    const instance = await start(options);
    void instance.exited.finally(() => locksInUse.delete(options.lock));
    return instance;
  } catch (error) {
    locksInUse.delete(options.lock);
    throw error;
  }
}

async function start(options: StartInstanceOptions): Promise<Instance> {
  const owner = effectiveOwner(options.owner);
  prepareSocketDirectory(options.socketDirectory, owner);
  if (options.primary) prepareSocketDirectory(options.primary.socketDirectory, owner);
  removeStalePostmasterFiles(options.dataDirectory, options.socketDirectory);
  if (options.changeable) await writeSettings(options.dataDirectory, options.changeable);
  const logStart = logBytes(options.logFile);
  const child = spawnPostgres(options, owner);
  const started = { options, child, logStart };
  try {
    await once(child, 'spawn').catch((error: Error) => Promise.reject(startFailed(error)));
    const joined = options.limitGroup?.add(child.pid!);
    await Promise.all([joined, untilReady(started)]);
    const instance = Instance.attach(recordOf(started), child);
    child.unref();
    return instance;
  } catch (error) {
    await abandon(started);
    throw error;
  }
}

function spawnPostgres(options: StartInstanceOptions, owner: Owner | undefined): ChildProcess {
  const peerDirectory = options.primary?.socketDirectory;
  const place = { ...options, owner, peerDirectory };
  const inside = insidePaths(options.sandbox.level, place);
  const settings = {
    ...options.settings,
    ...(options.primary ? { primary_conninfo: primaryConninfo(inside) } : {}),
    unix_socket_directories: inside.run,
    ...(options.changeable ? { config_file: join(inside.data, SETTINGS_FILE) } : {}),
  };
  const command = sandboxedCommand(options.sandbox.level, place, [
    join(inside.bin, 'postgres'),
    '-D',
    inside.data,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  const output = openLogFile(options.logFile);
  try {
    return spawnSandboxed(command, { output, lock: options.lock.fd });
  } finally {
    closeSync(output);
  }
}

async function untilReady({ options, child, logStart }: Start): Promise<void> {
  const begin = performance.now();
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  while (readPostmasterStatus(options.dataDirectory) !== 'ready') {
    const elapsedMs = performance.now() - begin;
    if (hasExited(child)) throw startFailed(new Error(logTail(options.logFile, logStart)));
    if (elapsedMs > timeoutMs) throw startTimedOut(timeoutMs);
    await sleep(elapsedMs < EAGER_FOR_MS ? EAGER_INTERVAL_MS : PATIENT_INTERVAL_MS, options.signal);
  }
}

function recordOf({ options, child, logStart }: Start): InstanceRecord {
  const pid = process.platform === 'linux' ? findPostmaster(child.pid!) : child.pid;
  const postmaster = pid === undefined ? undefined : identifyProcess(pid);
  if (!postmaster) throw startFailed(new Error(logTail(options.logFile, logStart)));
  const { dataDirectory, socketDirectory, lock } = options;
  return { postmaster, dataDirectory, socketDirectory, lockPath: lock.path };
}

// First the process that we spawned, so that it forks no more; then everybody who shares the lock,
// since what it has forked outlives it.
async function abandon({ options, child }: Start): Promise<void> {
  if (child.pid === undefined) return;
  if (!hasExited(child)) {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  const areGone = () => {
    const pids = findLockHolders(options.lock.path);
    for (const pid of pids) killProcess(pid);
    return pids.length === 0;
  };
  await waitUntil(areGone, { what: 'postgres to end', timeoutMs: 10_000, intervalMs: 5 });
}

function prepareSocketDirectory(directory: string, owner: Owner | undefined): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (owner) chownSync(directory, owner.uid, owner.gid);
}

function assertSocketFits(directory: string): void {
  if (Buffer.byteLength(join(directory, SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES) return;
  throw new ComputeError('socket_path_too_long', 'choose a shorter directory for sockets');
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function startFailed(cause: Error): ComputeError {
  return new ComputeError('instance_start_failed', 'postgres did not start', { cause });
}

function startTimedOut(timeoutMs: number): ComputeError {
  const message = `postgres was not ready after ${timeoutMs} ms`;
  return new ComputeError('instance_start_timeout', message);
}
