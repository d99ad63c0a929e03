/**
 * Where hosts are. Learned from control and kept on disk, so that a connection needs neither
 * control nor its database: a proxy that starts while they are down goes on with what it knew.
 */
import { join } from 'node:path';
import {
  type ControlClient,
  createHostClient,
  type HostClient,
  HostEntry,
  type HostId,
} from '@pgfleet/contract';
import { type Logger, readJsonFile, RpcClient, writeFileAtomic } from '@pgfleet/kit';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

/** A host and how to talk to it; the client stays the same when the address changes. */
export type KnownHost = {
  entry: HostEntry;
  readonly client: HostClient;
};

export type HostDirectoryOptions = {
  readonly control: ControlClient;
  /** Authenticates this process to hosts. */
  readonly token: string;
  readonly stateDir: string;
  readonly log: Logger;
  readonly refreshIntervalMs?: number;
};

type DirectoryHost = KnownHost & { transport: RpcClient };

const HostList = Type.Array(HostEntry);
const fileName = 'hosts.json';
const refreshTimeoutMs = 2_000;
const refreshIntervalMs = 5_000;
/** While no host is known every connection needs control: hosts report within a moment of theirs. */
const eagerIntervalMs = 100;

export class HostDirectory implements AsyncDisposable {
  readonly #options: HostDirectoryOptions;
  readonly #hosts = new Map<HostId, DirectoryHost>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #refreshing: Promise<void> | undefined;
  // Processes start in any order: a control that was not reached yet is no loss to report.
  #reachesControl = false;

  private constructor(options: HostDirectoryOptions) {
    this.#options = options;
  }

  /** Reads what was known last; resolves after the first attempt to learn more. */
  static async open(options: HostDirectoryOptions): Promise<HostDirectory> {
    const directory = new HostDirectory(options);
    const kept = readJsonFile(directory.#path);
    if (Value.Check(HostList, kept)) directory.#apply(kept);
    await directory.refresh();
    return directory;
  }

  all(): readonly KnownHost[] {
    return [...this.#hosts.values()];
  }

  byId(hostId: HostId): KnownHost | undefined {
    return this.#hosts.get(hostId);
  }

  inRegion(regionId: string): readonly KnownHost[] {
    return this.all().filter(({ entry }) => entry.regionId === regionId);
  }

  /** Asks control once, however many ask for it; a failure leaves what is known. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
      this.#schedule();
    });
    return this.#refreshing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#refreshing;
    await Promise.all(
      [...this.#hosts.values()].map(({ transport }) => transport[Symbol.asyncDispose]()),
    );
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const usual = this.#options.refreshIntervalMs ?? refreshIntervalMs;
    const intervalMs = this.#hosts.size > 0 ? usual : Math.min(usual, eagerIntervalMs);
    this.#timer = setTimeout(() => void this.refresh(), intervalMs);
  }

  async #refresh(): Promise<void> {
    const { control, log } = this.#options;
    try {
      const { hosts } = await control.hosts({ timeoutMs: refreshTimeoutMs });
      if (this.#apply(hosts)) await writeFileAtomic(this.#path, JSON.stringify(hosts));
      this.#reachesControl = true;
    } catch (error) {
      if (this.#reachesControl) log.warn({ err: error }, 'hosts could not be learned from control');
      this.#reachesControl = false;
    }
  }

  /** Hosts are added and moved, never forgotten here: endpoints on a lost one must fail clearly. */
  #apply(entries: readonly HostEntry[]): boolean {
    const changed = entries.filter(
      (entry) => !sameEntry(this.#hosts.get(entry.hostId)?.entry, entry),
    );
    for (const entry of changed) this.#put(entry);
    return changed.length > 0;
  }

  #put(entry: HostEntry): void {
    const transport = new RpcClient(entry.address, this.#options.token);
    const known = this.#hosts.get(entry.hostId);
    if (known) {
      known.entry = entry;
      const replaced = known.transport;
      known.transport = transport;
      void replaced[Symbol.asyncDispose]();
      return;
    }
    const host: DirectoryHost = {
      entry,
      transport,
      client: createHostClient({ send: (call) => host.transport.send(call) }),
    };
    this.#hosts.set(entry.hostId, host);
  }

  get #path(): string {
    return join(this.#options.stateDir, fileName);
  }
}

function sameEntry(left: HostEntry | undefined, right: HostEntry): boolean {
  return left?.address === right.address && left.regionId === right.regionId;
}
