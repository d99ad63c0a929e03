/** Something that `up` keeps running. */
export interface Service {
  /** Unique on this machine: `control`, `host-<region>`, `proxy-0`. */
  readonly name: string;
  /** Where it says why it died. */
  readonly logPath: string;
  /**
   * True when only the service itself can undo what it did: if it is found dead when it should be
   * stopped, it is started once more for that.
   */
  readonly cleansUpItself?: boolean;
  /** Resolves when it serves; rejects, with nothing left running, when it does not get there. */
  start(signal: AbortSignal): Promise<RunningService>;
}

export interface RunningService {
  /** Resolves with how it ended, for example `exit code 1` or `signal SIGKILL`. */
  readonly exited: Promise<string>;
  /** Asks it to stop and resolves when it is gone; after `limitMs` it is killed. */
  stop(limitMs: number): Promise<void>;
}

/** How a process ends that was asked to and did all it had to. */
export const ORDERLY_END = 'exit code 0';
