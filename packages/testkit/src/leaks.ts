import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Something that still uses a directory. */
export interface Leak {
  readonly kind: 'process' | 'mount' | 'loop device';
  /** A pid, a mount point, a device. */
  readonly name: string;
  readonly detail: string;
}

/** Finds processes, mounts and loop devices that use anything below a directory; Linux only. */
export function findLeaks(directory: string): readonly Leak[] {
  if (process.platform !== 'linux') return [];
  return [...findProcesses(directory), ...findMounts(directory), ...findLoopDevices(directory)];
}

/** Finds the processes that have a file below a directory open, or name it when asked. */
export function findProcesses(directory: string): readonly Leak[] {
  return pids()
    .filter((pid) => pid !== process.pid && uses(pid, directory))
    .map((pid) => ({
      kind: 'process',
      name: String(pid),
      detail: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim(),
    }));
}

function pids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

function uses(pid: number, directory: string): boolean {
  const texts = ['cmdline', 'environ'].map((name) => read(`/proc/${pid}/${name}`));
  if (texts.some((text) => text.includes(`${directory}/`))) return true;
  return openFiles(pid).some((path) => path.startsWith(directory));
}

function openFiles(pid: number): string[] {
  const base = `/proc/${pid}/fd`;
  const links = [`/proc/${pid}/cwd`, ...list(base).map((fd) => join(base, fd))];
  return links.map(link);
}

function findMounts(directory: string): Leak[] {
  return read('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(directory))
    .map((path) => ({ kind: 'mount', name: path, detail: 'still mounted' }));
}

function findLoopDevices(directory: string): Leak[] {
  return list('/sys/block').flatMap((device) => {
    const file = read(`/sys/block/${device}/loop/backing_file`).trim();
    if (!file.startsWith(directory)) return [];
    return [{ kind: 'loop device' as const, name: `/dev/${device}`, detail: file }];
  });
}

// What is gone between two looks, or belongs to somebody else, is no leak of ours.
function read(path: string): string {
  return quietly(() => readFileSync(path, 'utf8')) ?? '';
}

function list(path: string): string[] {
  return quietly(() => readdirSync(path)) ?? [];
}

function link(path: string): string {
  return quietly(() => readlinkSync(path)) ?? '';
}

function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
