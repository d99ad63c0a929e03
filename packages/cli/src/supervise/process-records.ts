import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { identifyProcess, isSameProcess, readJsonFile } from '@pgfleet/kit';
import type { ProcessIdentity } from '@pgfleet/kit';

/** One process of a platform, as the next `up` and `doctor` find it. */
export interface ProcessRecord extends ProcessIdentity {
  readonly name: string;
  /** A proxy of an earlier `up`: it takes no new connections and ends with its last session. */
  readonly draining: boolean;
}

/**
 * The file that names every process `up` started. It is written before anything else can happen to
 * a new process; what a crash still left out is found by {@link findUnrecorded}.
 */
export class ProcessRecords {
  readonly #path: string;
  #records: readonly ProcessRecord[];

  private constructor(path: string, records: readonly ProcessRecord[]) {
    this.#path = path;
    this.#records = records;
  }

  /** Reads the file, if there is one, and forgets the dead. */
  static open(path: string): ProcessRecords {
    return new ProcessRecords(path, readProcessRecords(path));
  }

  living(): readonly ProcessRecord[] {
    return this.#records.filter(isSameProcess);
  }

  /**
   * Writes a process down, and leaves the dead out. Synchronous: `up` must not be anywhere else
   * between a spawn and its record.
   */
  add(record: ProcessRecord): void {
    this.#records = [...this.living().filter(({ pid }) => pid !== record.pid), record];
    writeFileSync(
      `${this.#path}.tmp`,
      `${JSON.stringify({ processes: this.#records }, null, 2)}\n`,
    );
    renameSync(`${this.#path}.tmp`, this.#path);
  }
}

/** The recorded processes that are still alive. */
export function readProcessRecords(path: string): readonly ProcessRecord[] {
  const file = readJsonFile(path) as { processes?: readonly ProcessRecord[] } | undefined;
  return (file?.processes ?? []).filter(isSameProcess);
}

/** The variable that marks a process of pgfleet with its name. */
export const PROCESS_NAME_VARIABLE = 'PGFLEET_PROCESS';

/** Finds live processes of a data directory by their environment; Linux only, elsewhere none. */
export function findUnrecorded(
  dataDir: string,
  known: readonly ProcessRecord[],
): readonly ProcessRecord[] {
  if (process.platform !== 'linux') return [];
  const knownPids = new Set(known.map(({ pid }) => pid));
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && !knownPids.has(pid))
    .flatMap((pid) => {
      const name = nameFromEnvironment(pid, dataDir);
      const identity = name === undefined ? undefined : identifyProcess(pid);
      return name === undefined || !identity ? [] : [{ ...identity, name, draining: false }];
    });
}

function nameFromEnvironment(pid: number, dataDir: string): string | undefined {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    if (!variables.includes(`PGFLEET_DATA_DIR=${dataDir}`)) return undefined;
    const marker = variables.find((text) => text.startsWith(`${PROCESS_NAME_VARIABLE}=`));
    return marker?.slice(PROCESS_NAME_VARIABLE.length + 1);
  } catch {
    // Gone in the meantime, or somebody else's.
    return undefined;
  }
}
