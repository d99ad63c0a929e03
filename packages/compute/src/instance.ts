import type { FileLock, Logger, ProcessIdentity } from '@pgfleet/kit';
import type { InstallationView } from './installation-view.ts';
import type { LimitGroup } from './limits.ts';
import type { Owner } from './owner.ts';
import type { Sandbox, SandboxLevel } from './sandbox.ts';
import type { PostgresSettings } from './settings.ts';

/** Where one instance keeps things on this machine. */
export interface InstancePlace {
  readonly dataDirectory: string;
  /** Private to the instance; created 0700 when absent. The socket in it is `.s.PGSQL.5432`. */
  readonly socketDirectory: string;
  /** The timeline's lock file, held by every process of the instance. */
  readonly lockPath: string;
  readonly logFile: string;
}

/** What a restarted host needs to find an instance again (JSON). */
export interface InstanceRecord extends InstancePlace {
  /** The postmaster, by the pid that the host sees. */
  readonly postmaster: ProcessIdentity;
  readonly sandboxLevel: SandboxLevel;
}

/** How an instance ended. */
export interface InstanceExit {
  /** The control file says `shut down`: the next start needs no recovery. */
  readonly clean: boolean;
}

export interface StartInstanceOptions extends Omit<InstancePlace, 'lockPath'> {
  readonly view: InstallationView;
  readonly sandbox: Sandbox;
  /** The held lock of the timeline. The instance shares it; the caller may release its copy. */
  readonly lock: FileLock;
  readonly settings: PostgresSettings;
  /** Required when root. */
  readonly owner?: Owner;
  readonly limitGroup?: LimitGroup;
  /** From spawn to ready; 60,000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
}

export type StopMode = 'smart' | 'fast' | 'immediate';

export interface StopOptions {
  /** How long `mode` may take before the next harder signal; 60,000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A running Postgres. It outlives the process that started it. */
export class Instance {
  readonly record: InstanceRecord;
  /** Resolves when every process of the instance is gone and the timeline's lock is free. */
  readonly exited: Promise<InstanceExit>;

  private constructor(record: InstanceRecord, exited: Promise<InstanceExit>) {
    this.record = record;
    this.exited = exited;
  }

  get socketPath(): string {
    throw new Error('not yet');
  }

  isAlive(): boolean {
    throw new Error('not yet');
  }

  /** Stops with the mode's signal, then SIGQUIT, then SIGKILL. */
  stop(_mode?: StopMode, _options?: StopOptions): Promise<InstanceExit> {
    throw new Error('not yet');
  }
}

/** Starts Postgres and resolves when it accepts connections. */
export function startInstance(_options: StartInstanceOptions): Promise<Instance> {
  throw new Error('not yet');
}

/**
 * Finds the instance that runs on a timeline, by its record or, when that is missing or wrong, by
 * who holds the lock; `undefined` when nobody runs there.
 */
export function adoptInstance(
  _place: InstancePlace,
  _record?: InstanceRecord,
): Promise<Instance | undefined> {
  throw new Error('not yet');
}
