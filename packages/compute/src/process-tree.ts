import { readFileSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { basename } from 'node:path';
import { LOCK_FD } from './sandbox.ts';

/*
 * Reads /proc. Processes come and go while one looks, so whatever cannot be read counts as gone.
 * Elsewhere than on Linux there is no /proc, and everything here finds nothing.
 */

const BACKEND_TITLE = 'postgres: ';

/** The children of a process, oldest first. */
export function childPids(pid: number): readonly number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`) ?? '';
  return children.split(' ').filter(Boolean).map(Number);
}

/** A process and all that descend from it. */
export function processTree(pid: number): readonly number[] {
  return [pid, ...childPids(pid).flatMap(processTree)];
}

/** The postmaster at or below a process that was spawned for it; `undefined` until it runs. */
export function findPostmaster(pid: number): number | undefined {
  if (isPostgres(pid)) return pid;
  for (const child of childPids(pid)) {
    const found = findPostmaster(child);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The child of a process that has a pid in the innermost of its namespaces; `undefined` when there is
 * none. Where there is no /proc there are no namespaces either.
 */
export function findByNamespacePid(parent: number, pid: number): number | undefined {
  if (process.platform !== 'linux') return pid;
  return childPids(parent).find((child) => namespacePid(child) === pid);
}

// NSpid of proc_pid_status(5): the pid in every namespace, the innermost last.
function namespacePid(pid: number): number | undefined {
  const [, pids] = /^NSpid:\s+(.*)$/m.exec(read(`/proc/${pid}/status`) ?? '') ?? [];
  return pids === undefined ? undefined : Number(pids.split(/\s+/).at(-1));
}

/**
 * The processes that hold the lock on a file and that inherited it as an instance does, so not this
 * process itself. A lock taken by `flock` belongs to an open file, and only the list of every
 * process' descriptors says who shares it.
 */
export function findLockHolders(lockPath: string): readonly number[] {
  const lock = statSync(lockPath, { throwIfNoEntry: false });
  if (!lock || process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .filter((pid) => isFile(`/proc/${pid}/fd/${LOCK_FD}`, lock));
}

/**
 * Says whether this process has a file open, as the owner of a lock has. Where that cannot be known
 * it counts as open.
 */
export function isOpenHere(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file || process.platform !== 'linux') return true;
  return readdirSync('/proc/self/fd').some((fd) => isFile(`/proc/self/fd/${fd}`, file));
}

/** The postmaster among the holders of a lock: a Postgres that is not the child of one of them. */
export function findPostmasterAmong(pids: readonly number[]): number | undefined {
  const postgres = pids.filter(isPostgres);
  return postgres.find((pid) => isPostmaster(pid) && !postgres.includes(parentPid(pid) ?? 0));
}

/**
 * Backends that have not yet noticed that their postmaster died. They hold the lock, though nobody
 * will ever serve through them again.
 */
export function findOrphanedBackends(pids: readonly number[]): readonly number[] {
  return pids.filter((pid) => isBackend(pid) && !pids.includes(parentPid(pid) ?? 0));
}

type FileIdentity = Pick<Stats, 'dev' | 'ino'>;

function isFile(path: string, { dev, ino }: FileIdentity): boolean {
  try {
    const found = statSync(path);
    return found.dev === dev && found.ino === ino;
  } catch {
    return false;
  }
}

function isPostgres(pid: number): boolean {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)) === 'postgres';
  } catch {
    return false;
  }
}

// Only the postmaster keeps its command line; its children write a title over theirs. One that is
// ending has none any more, whatever it was.
function isPostmaster(pid: number): boolean {
  const commandLine = read(`/proc/${pid}/cmdline`) ?? '';
  return commandLine !== '' && !commandLine.startsWith(BACKEND_TITLE);
}

function isBackend(pid: number): boolean {
  return read(`/proc/${pid}/cmdline`)?.startsWith(BACKEND_TITLE) ?? false;
}

function parentPid(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat === undefined
    ? undefined
    : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
