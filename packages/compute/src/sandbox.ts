import type { InstallationView } from './installation-view.ts';
import type { Owner } from './owner.ts';

/*
 * How a program of Postgres is started so that it sees little else of the machine.
 *
 *   bwrap    a root of its own with only libraries, the view, the data and the socket directory;
 *            own pid, ipc, net and uts namespaces; no capabilities, no new privileges
 *   unshare  own pid, ipc, net, uts and mount namespaces, but the machine's files stay visible as
 *            far as the user may read them
 *   uid      nothing but a user of its own (root only)
 *   none     nothing
 *
 * Under root every level also drops to the owner's uid. A level only says how; `detectSandbox`
 * finds out whether it works here.
 */

/** How an instance is kept apart, strongest first. */
export type SandboxLevel = 'bwrap' | 'unshare' | 'uid' | 'none';

/** All levels, strongest first. */
export const sandboxLevels: readonly SandboxLevel[] = ['bwrap', 'unshare', 'uid', 'none'];

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

/** What a sandboxed program is given of the machine. */
export interface SandboxedPlace {
  readonly view: InstallationView;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  /** Where another one listens that it may connect to; there before it starts. */
  readonly peerDirectory?: string | undefined;
  /** Required when root. */
  readonly owner?: Owner | undefined;
}

/** Paths as the program in the sandbox sees them. */
export interface InsidePaths {
  readonly bin: string;
  readonly data: string;
  readonly run: string;
  readonly peer: string;
}

/** What to spawn. */
export interface SandboxedCommand {
  readonly argv: readonly [string, ...string[]];
  /** The user to spawn as; absent when the command changes it itself or need not. */
  readonly owner?: Owner;
  /** Texts to offer as file descriptors from {@link FIRST_TEXT_FD} on. */
  readonly texts: readonly string[];
}

/** Standard streams come first, then the timeline's lock, then what the sandbox needs. */
export const LOCK_FD = 3;
export const FIRST_TEXT_FD = 4;

/** A `passwd` with one line, so that libpq inside the server finds its user's name. */
export function passwdOf(owner: Owner): string {
  return `postgres:x:${owner.uid}:${owner.gid}::/:/bin/sh\n`;
}
