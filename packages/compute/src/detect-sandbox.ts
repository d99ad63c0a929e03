import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ComputeError } from './compute-error.ts';
import type { InstallationView } from './installation-view.ts';
import { currentOwner, type Owner } from './owner.ts';
import {
  type Sandbox,
  type SandboxedPlace,
  type SandboxLevel,
  type SandboxProbe,
  sandboxLevels,
} from './sandbox.ts';
import { insidePaths, sandboxedCommand } from './sandboxed-command.ts';
import { spawnSandboxed } from './spawn-sandboxed.ts';

export interface DetectSandboxOptions {
  /** The view that instances will run from. */
  readonly view: InstallationView;
  /** An absolute path below which data directories will lie; a level that cannot reach it is skipped. */
  readonly directory: string;
  /** Considers no level stronger than this. */
  readonly strongest?: SandboxLevel;
  readonly signal?: AbortSignal;
}

const NOBODY: Owner = { uid: 65534, gid: 65534 };
const PROBE_TIMEOUT_MS = 10_000;

const protections: Readonly<Record<SandboxLevel, readonly string[]>> = {
  bwrap: ['files', 'processes', 'shared memory', 'network', 'privileges'],
  unshare: ['processes', 'shared memory', 'network', 'privileges'],
  uid: ['files of other projects'],
  none: [],
};

const advice: Readonly<Record<SandboxLevel, string>> = {
  bwrap:
    'install bubblewrap and allow user namespaces (kernel.unprivileged_userns_clone, AppArmor)',
  unshare: 'install util-linux and allow user namespaces, or run as root',
  uid: 'run as root, and let every parent of the data directory be entered by everybody (mode o+x)',
  none: 'let every parent of the data directory be entered by the instance user (mode o+x)',
};

/**
 * Runs Postgres' binary in every level of sandbox and picks the strongest one that works.
 *
 * @throws ComputeError `sandbox_unavailable` when not even the plain start of the binary works.
 */
export async function detectSandbox(options: DetectSandboxOptions): Promise<Sandbox> {
  const considered = sandboxLevels.slice(sandboxLevels.indexOf(options.strongest ?? 'bwrap'));
  const probes: SandboxProbe[] = [];
  for (const level of considered) probes.push(await probe(level, options));
  const best = probes.find(({ works }) => works);
  if (best) return { level: best.level, probes };
  throw new ComputeError('sandbox_unavailable', `postgres cannot be started: ${advice.none}`, {
    cause: probes,
  });
}

async function probe(level: SandboxLevel, options: DetectSandboxOptions): Promise<SandboxProbe> {
  const isRoot = currentOwner().uid === 0;
  const problem =
    level === 'uid' && !isRoot ? 'not running as root' : await tryLevel(level, options, isRoot);
  if (problem === undefined) return { level, works: true, protections: protections[level] };
  return { level, works: false, protections: [], advice: `${problem}; ${advice[level]}` };
}

async function tryLevel(
  level: SandboxLevel,
  { view, directory, signal }: DetectSandboxOptions,
  isRoot: boolean,
): Promise<string | undefined> {
  const place = await mkdtemp(join(directory, '.probe-'));
  const owner = isRoot ? NOBODY : undefined;
  try {
    if (owner) await chown(place, owner.uid, owner.gid);
    const shared = { view, dataDirectory: place, socketDirectory: place, owner };
    return await runVersion(level, shared, signal);
  } finally {
    await rm(place, { recursive: true });
  }
}

async function runVersion(
  level: SandboxLevel,
  place: SandboxedPlace,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  signal?.throwIfAborted();
  const { bin, data } = insidePaths(level, place);
  const script = 'cd "$1" && exec "$2" --version';
  const program = ['/bin/sh', '-c', script, 'sh', data, join(bin, 'postgres')] as const;
  const command = sandboxedCommand(level, place, program);
  const child = spawnSandboxed(command, { output: 'pipe' });
  const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_TIMEOUT_MS);
  child.stdout?.resume();
  try {
    const [output, exit] = await Promise.all([text(child.stderr!), once(child, 'close')]);
    const [code] = exit as [number | null];
    return code === 0 ? undefined : output.trim().split('\n')[0] || `exit code ${code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}
