/** What a compute may use at most; an absent figure is no limit. */
export interface Limits {
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly pids?: number;
}

/** Which limits the machine's cgroups can enforce for this user. */
export interface LimitSupport {
  readonly version: 'v2' | 'v1' | 'none';
  readonly cpu: boolean;
  readonly memory: boolean;
  readonly pids: boolean;
  readonly advice?: string;
}

/** Says which limits work here, by trying. */
export function detectLimits(): LimitSupport {
  throw new Error('not yet');
}

/** A cgroup of one compute. What the machine cannot enforce is left out silently: see `support`. */
export class LimitGroup {
  readonly name: string;
  readonly support: LimitSupport;

  private constructor(name: string, support: LimitSupport) {
    this.name = name;
    this.support = support;
  }

  /** Opens the group of this name, creating it when absent. */
  static open(_name: string): LimitGroup {
    throw new Error('not yet');
  }

  /** Puts a process and its descendants into the group. */
  add(_pid: number): void {
    throw new Error('not yet');
  }

  /** Sets limits live; memory below current use is reclaimed or, failing that, left as it was. */
  set(_limits: Limits): void {
    throw new Error('not yet');
  }

  /** Removes the group; its processes must be gone (repeatable). */
  remove(): void {
    throw new Error('not yet');
  }
}
