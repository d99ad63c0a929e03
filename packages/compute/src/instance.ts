import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import {
  identifyProcess,
  isLocked,
  isSameProcess,
  type ProcessIdentity,
  signalProcess,
  sleep,
} from '@pgfleet/kit';
import { ComputeError } from './compute-error.ts';
import { wasCleanShutdown } from './control-file.ts';
import { SOCKET_NAME } from './postmaster-file.ts';
import {
  childPids,
  findLockHolders,
  findOrphanedBackends,
  findPostmasterAmong,
  isOpenHere,
} from './process-tree.ts';
import { killProcess } from './kill-process.ts';

/** Where one instance keeps things on this machine; all paths are absolute. */
export interface InstancePlace {
  readonly dataDirectory: string;
  /** Private to the instance; created 0700 when absent. The socket in it is `.s.PGSQL.5432`. */
  readonly socketDirectory: string;
  /** The timeline's lock file, held by every process of the instance. */
  readonly lockPath: string;
}

/** What a restarted host needs to find an instance again (JSON). */
export interface InstanceRecord extends InstancePlace {
  /** The postmaster, by the pid that the host sees. */
  readonly postmaster: ProcessIdentity;
}

/** How an instance ended. */
export interface InstanceExit {
  /** The control file says `shut down`: the next start needs no recovery. */
  readonly clean: boolean;
}

/** As `pg_ctl stop -m` has them. */
export type StopMode = 'smart' | 'fast' | 'immediate';

export interface StopOptions {
  /** How long `mode` may take before the next harder signal; 60,000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

type Escalation = readonly (readonly [signal: NodeJS.Signals, limitMs: number])[];

// What is left of a killed postmaster goes within a few milliseconds, and a client may be waiting.
const FIRST_WATCH_INTERVAL_MS = 5;
const WATCH_INTERVAL_MS = 100;
const STOP_INTERVAL_MS = 2;
// The postmaster itself gives its children five seconds after SIGQUIT.
const QUIT_LIMIT_MS = 10_000;
const KILL_LIMIT_MS = 10_000;

/**
 * A running Postgres. It outlives the process that started it: whoever has its record may attach.
 *
 * It is gone when the postmaster is dead *and* nobody holds the timeline's lock any more. In a pid
 * namespace both are one moment. Elsewhere a backend that computes may outlive its postmaster; it
 * is killed as soon as that is noticed.
 */
export class Instance {
  readonly record: InstanceRecord;
  /** Resolves when every process of the instance is gone and the timeline's lock is free. */
  readonly exited: Promise<InstanceExit>;
  #settle!: (exit: InstanceExit) => void;
  #isSettled = false;

  private constructor(record: InstanceRecord) {
    this.record = record;
    this.exited = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Attaches to a live instance; with its child process when this process spawned it. */
  static attach(record: InstanceRecord, child?: ChildProcess): Instance {
    const instance = new Instance(record);
    if (child && child.exitCode === null && child.signalCode === null) {
      child.once('exit', () => instance.#watch());
    } else {
      instance.#watch();
    }
    return instance;
  }

  /** The path of the Unix socket on this machine. */
  get socketPath(): string {
    return join(this.record.socketDirectory, SOCKET_NAME);
  }

  isAlive(): boolean {
    return isSameProcess(this.record.postmaster);
  }

  /**
   * Stops Postgres with the mode's signal, then SIGQUIT, then SIGKILL.
   *
   * @throws ComputeError `instance_stop_timeout` when even that left processes behind; the signal's
   * reason when it aborts, the instance then being left to the last signal sent.
   */
  async stop(
    mode: StopMode = 'fast',
    { timeoutMs = 60_000, signal }: StopOptions = {},
  ): Promise<InstanceExit> {
    this.#resumeChildren();
    for (const [name, limitMs] of escalation(mode, timeoutMs)) {
      signal?.throwIfAborted();
      signalProcess(this.record.postmaster, name);
      if (await this.#goneWithin(limitMs, signal)) return this.exited;
    }
    throw new ComputeError('instance_stop_timeout', 'postgres is still there after SIGKILL');
  }

  // Whoever was killed while it had one stopped, see whileStopped, left it deaf to everything else.
  #resumeChildren(): void {
    if (!this.isAlive()) return;
    for (const pid of childPids(this.record.postmaster.pid)) {
      const child = identifyProcess(pid);
      if (child) signalProcess(child, 'SIGCONT');
    }
  }

  async #goneWithin(limitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const end = performance.now() + limitMs;
    while (!this.#checkGone()) {
      if (performance.now() >= end) return false;
      await sleep(STOP_INTERVAL_MS, signal);
    }
    return true;
  }

  // The wrapper around the postmaster may be killed alone, so its exit only starts the watch.
  #watch(intervalMs = FIRST_WATCH_INTERVAL_MS): void {
    if (this.#isGoneIfKnown()) return;
    const nextMs = Math.min(intervalMs * 2, WATCH_INTERVAL_MS);
    setTimeout(() => this.#watch(nextMs), intervalMs).unref();
  }

  // A watch has no caller to tell that the machine is, say, out of file descriptors for a moment.
  #isGoneIfKnown(): boolean {
    try {
      return this.#checkGone();
    } catch {
      return false;
    }
  }

  #checkGone(): boolean {
    if (this.#isSettled) return true;
    if (this.isAlive() || this.#hasRemains()) return false;
    this.#isSettled = true;
    this.#settle({ clean: endedCleanly(this.record.dataDirectory) });
    return true;
  }

  #hasRemains(): boolean {
    const { lockPath } = this.record;
    if (!isLocked(lockPath)) return false;
    const holders = findLockHolders(lockPath);
    for (const pid of findOrphanedBackends(holders)) killProcess(pid);
    // Nobody is listed when a process is just ending; or it is our caller who keeps the lock.
    if (holders.length === 0) return !isOpenHere(lockPath);
    const isSuccessor = findPostmasterAmong(holders) !== undefined;
    return !isSuccessor;
  }
}

function escalation(mode: StopMode, timeoutMs: number): Escalation {
  const hard: Escalation = [
    ['SIGQUIT', QUIT_LIMIT_MS],
    ['SIGKILL', KILL_LIMIT_MS],
  ];
  if (mode === 'immediate') return hard;
  return [[mode === 'smart' ? 'SIGTERM' : 'SIGINT', timeoutMs], ...hard];
}

// Whoever removed the data directory meanwhile does not care how its cluster ended.
function endedCleanly(dataDirectory: string): boolean {
  try {
    return wasCleanShutdown(dataDirectory);
  } catch {
    return false;
  }
}
