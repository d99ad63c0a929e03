import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { hasErrorCode } from '@pgfleet/kit';
import { processTree } from './process-tree.ts';

/** What a compute may use at most; an absent figure is no limit. */
export interface Limits {
  readonly cpus?: number;
  /** Its part of busy processors, beside those of other computes; 1 when left out. */
  readonly cpuWeight?: number;
  readonly memoryBytes?: number;
  readonly pids?: number;
}

/** Which limits the machine's cgroups can enforce for this user. */
export interface LimitSupport {
  readonly version: 'v2' | 'v1' | 'none';
  readonly cpu: boolean;
  readonly memory: boolean;
  readonly pids: boolean;
  /** What to do when something cannot be enforced. */
  readonly advice?: string;
}

type Controller = 'cpu' | 'memory' | 'pids';

const CONTROLLERS: readonly Controller[] = ['cpu', 'memory', 'pids'];
const MOUNT = '/sys/fs/cgroup';
const PARENT = 'pgfleet';
// A short period: with the usual 100 ms a small quota stops a query for most of that time.
const CPU_PERIOD_US = 10_000;
const MIN_QUOTA_US = 1_000;
// What an ordinary process has, in cpu.weight of v2 and cpu.shares of v1, and the least and the most.
const WEIGHT = {
  v1: { one: 1024, least: 2, most: 262_144 },
  v2: { one: 100, least: 1, most: 10_000 },
} as const;
// A group's weight is divided among the processors that it is busy on, a process has its own on each. So
// for each of them all computes together get as much as this many processes beside them, pgfleet's own.
const WEIGHT_PER_CPU = 2;
const MAX_RECLAIM_BYTES = 512 * 1024 * 1024;
const ADVICE = 'run as root on a machine whose cgroups offer cpu, memory and pids';

/** Says which limits work here, by preparing pgfleet's parent groups. */
export function detectLimits(): LimitSupport {
  const version = existsSync(join(MOUNT, 'cgroup.controllers')) ? 'v2' : 'v1';
  const usable = CONTROLLERS.filter((controller) => prepareParent(version, controller));
  const [cpu, memory, pids] = CONTROLLERS.map((controller) => usable.includes(controller));
  const support = { cpu: cpu!, memory: memory!, pids: pids! };
  if (usable.length === CONTROLLERS.length) return { version, ...support };
  return { version: usable.length === 0 ? 'none' : version, ...support, advice: ADVICE };
}

/** A cgroup of one compute. What the machine cannot enforce is left out: see `detectLimits`. */
export class LimitGroup {
  readonly name: string;
  readonly #support: LimitSupport;

  private constructor(name: string, support: LimitSupport) {
    this.name = name;
    this.#support = support;
  }

  /** Opens the group of this name, creating it when absent. */
  static open(name: string, support: LimitSupport): LimitGroup {
    const group = new LimitGroup(name, support);
    for (const directory of group.#directories()) mkdirSync(directory, { recursive: true });
    return group;
  }

  /**
   * Puts a process and its descendants into the group.
   *
   * The kernel waits for a grace period of RCU before it moves a process, ten milliseconds of which
   * neither this process nor the one that is moved need notice anything.
   */
  async add(pid: number): Promise<void> {
    await Promise.all(
      this.#directories().map(async (directory) => {
        await move(processTree(pid), directory);
        // Children that came before their parent was moved.
        await move(processTree(pid), directory);
      }),
    );
  }

  /**
   * Sets limits on the running processes; an absent figure lifts the limit.
   *
   * A memory limit below what is in use would end the instance. So caches are given up first; when
   * that is not enough the limit is left as it was and the others are set. Returns `false` in that
   * case, and the caller tries again later.
   */
  set(limits: Limits): boolean {
    const { version } = this.#support;
    if (version === 'none') return true;
    const write = version === 'v2' ? writeV2 : writeV1;
    const results = this.#enforceable().map((controller) =>
      write(controller, directoryOf(version, controller, this.name), limits),
    );
    return results.every(Boolean);
  }

  /** Removes the group, whose processes must be gone; repeatable. */
  remove(): void {
    for (const directory of this.#directories()) {
      try {
        rmdirSync(directory);
      } catch (error) {
        if (!hasErrorCode(error, 'ENOENT')) throw error;
      }
    }
  }

  #enforceable(): readonly Controller[] {
    return CONTROLLERS.filter((controller) => this.#support[controller]);
  }

  #directories(): readonly string[] {
    const { version } = this.#support;
    if (version === 'none') return [];
    const paths = this.#enforceable().map((name) => directoryOf(version, name, this.name));
    return [...new Set(paths)];
  }
}

function directoryOf(version: 'v1' | 'v2', controller: Controller, name: string): string {
  return join(parentOf(version, controller), name);
}

function parentOf(version: 'v1' | 'v2', controller: Controller): string {
  return version === 'v2' ? join(MOUNT, PARENT) : join(MOUNT, controller, PARENT);
}

function prepareParent(version: 'v1' | 'v2', controller: Controller): boolean {
  const parent = parentOf(version, controller);
  try {
    if (version === 'v1') accessSync(join(MOUNT, controller, 'cgroup.procs'), constants.W_OK);
    else writeFileSync(join(MOUNT, 'cgroup.subtree_control'), `+${controller}`);
    mkdirSync(parent, { recursive: true });
    if (controller === 'cpu') setWeight(version, parent, WEIGHT_PER_CPU * availableParallelism());
    if (version === 'v2') writeFileSync(join(parent, 'cgroup.subtree_control'), `+${controller}`);
    return true;
  } catch {
    return false;
  }
}

function writeV1(controller: Controller, directory: string, limits: Limits): boolean {
  const write = (file: string, value: number | string) => tryWrite(join(directory, file), value);
  if (controller === 'pids') return write('pids.max', limits.pids ?? 'max');
  if (controller === 'memory') return write('memory.limit_in_bytes', limits.memoryBytes ?? -1);
  setWeight('v1', directory, limits.cpuWeight);
  write('cpu.cfs_period_us', CPU_PERIOD_US);
  return write('cpu.cfs_quota_us', limits.cpus === undefined ? -1 : quotaUs(limits.cpus));
}

function writeV2(controller: Controller, directory: string, limits: Limits): boolean {
  const path = (file: string) => join(directory, file);
  if (controller === 'pids') return tryWrite(path('pids.max'), limits.pids ?? 'max');
  if (controller === 'cpu') {
    setWeight('v2', directory, limits.cpuWeight);
    const quota = limits.cpus === undefined ? 'max' : quotaUs(limits.cpus);
    return tryWrite(path('cpu.max'), `${quota} ${CPU_PERIOD_US}`);
  }
  if (limits.memoryBytes !== undefined && !shrinkV2(directory, limits.memoryBytes)) return false;
  return tryWrite(path('memory.max'), limits.memoryBytes ?? 'max');
}

// The kernel of v1 tries this by itself before it refuses; that of v2 would kill instead.
function shrinkV2(directory: string, memoryBytes: number): boolean {
  const excess = () =>
    Number(readFileSync(join(directory, 'memory.current'), 'utf8')) - memoryBytes;
  if (excess() <= 0) return true;
  // Its end may take a while, and the process waits for it.
  tryReclaim(join(directory, 'memory.reclaim'), Math.min(excess(), MAX_RECLAIM_BYTES));
  return excess() <= 0;
}

// EAGAIN: less could be given up. Kernels before 5.19 have no such file.
function tryReclaim(file: string, bytes: number): void {
  try {
    writeFileSync(file, String(bytes), { flag: 'r+' });
  } catch (error) {
    if (!hasErrorCode(error, 'EAGAIN', 'ENOENT')) throw error;
  }
}

function setWeight(version: 'v1' | 'v2', directory: string, weight = 1): void {
  const { one, least, most } = WEIGHT[version];
  const file = version === 'v2' ? 'cpu.weight' : 'cpu.shares';
  const value = Math.min(most, Math.max(least, Math.round(weight * one)));
  tryWrite(join(directory, file), value);
}

function quotaUs(cpus: number): number {
  return Math.max(MIN_QUOTA_US, Math.round(cpus * CPU_PERIOD_US));
}

async function move(pids: readonly number[], directory: string): Promise<void> {
  for (const pid of pids) {
    try {
      await writeFile(join(directory, 'cgroup.procs'), String(pid));
    } catch (error) {
      // The process, or with all of them the group, has ended meanwhile.
      if (!hasErrorCode(error, 'ESRCH', 'ENOENT', 'ENODEV')) throw error;
    }
  }
}

// EBUSY: more memory is in use than the new limit. ESRCH: the process ended meanwhile.
function tryWrite(file: string, value: string | number): boolean {
  try {
    writeFileSync(file, String(value));
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'EBUSY', 'ESRCH')) return false;
    throw error;
  }
}
