import type { Owner } from './owner.ts';

/** How an instance is kept apart, strongest first. */
export type SandboxLevel = 'bwrap' | 'unshare' | 'uid' | 'none';

/** What one level was found to be worth on this machine. */
export interface SandboxProbe {
  readonly level: SandboxLevel;
  readonly works: boolean;
  readonly protections: readonly string[];
  /** Why it does not work and what to do about it. */
  readonly advice?: string;
}

/** The sandbox that instances on this machine get, and why. */
export interface Sandbox {
  readonly level: SandboxLevel;
  /** Strongest first; each one was really run. */
  readonly probes: readonly SandboxProbe[];
}

export interface DetectSandboxOptions {
  /** A directory below which data directories will lie; a level that cannot reach it is skipped. */
  readonly directory: string;
  /** Who instances would run as, when root; 65534 when left out. */
  readonly owner?: Owner;
  /** Considers no level stronger than this. */
  readonly strongest?: SandboxLevel;
  readonly signal?: AbortSignal;
}

/** Runs a program in every level of sandbox and picks the strongest one that works. */
export function detectSandbox(_options: DetectSandboxOptions): Promise<Sandbox> {
  throw new Error('not yet');
}
