import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EndpointId, TimelineId } from '@pgfleet/contract';
import { ensureRunDirectory } from '@pgfleet/kit';

/** Where a host keeps things: everything below its own directory, sockets below the run directory. */
export class HostLayout {
  readonly hostDir: string;
  /** Computes' sockets of this host only, so that hosts which share a run directory never meet. */
  readonly socketsDir: string;
  readonly #runDir: string;

  constructor(hostDir: string, runDir: string) {
    this.hostDir = hostDir;
    this.#runDir = runDir;
    const tag = createHash('sha256').update(hostDir).digest('hex').slice(0, 4);
    this.socketsDir = join(runDir, tag);
  }

  /** Creates the directories; computes, under users of their own, may only pass through. */
  create(): void {
    ensureRunDirectory(this.#runDir);
    for (const path of [this.hostDir, this.socketsDir, this.throwawayDir, this.peersDir]) {
      mkdirSync(path, { recursive: true });
      chmodSync(path, 0o711);
    }
    for (const name of ['locks', 'logs', 'verifiers']) {
      mkdirSync(join(this.hostDir, name), { recursive: true, mode: 0o700 });
    }
  }

  /** Sockets and logs of instances that serve nobody; below the sockets, whose address is short. */
  get throwawayDir(): string {
    return join(this.socketsDir, '~');
  }

  /** Directories of {@link peer}. */
  get peersDir(): string {
    return join(this.socketsDir, '=');
  }

  get hostLock(): string {
    return join(this.hostDir, 'host.lock');
  }

  get locksDir(): string {
    return join(this.hostDir, 'locks');
  }

  get viewsDir(): string {
    return join(this.hostDir, 'views');
  }

  get volumeDir(): string {
    return join(this.hostDir, 'volume');
  }

  records(
    kind: 'timelines' | 'endpoints' | 'computes' | 'usage' | 'templates' | 'history' | 'loans',
  ): string {
    return join(this.hostDir, kind);
  }

  lock(timelineId: TimelineId): string {
    return join(this.locksDir, `${timelineId}.lock`);
  }

  verifiers(timelineId: TimelineId): string {
    return join(this.hostDir, 'verifiers', `${timelineId}.json`);
  }

  log(endpointId: EndpointId): string {
    return join(this.hostDir, 'logs', `${endpointId}.log`);
  }

  /** Where replicas of a timeline find the socket of whatever writes to it. */
  peer(timelineId: TimelineId): string {
    return join(this.peersDir, timelineId.replace(/^tl-/, ''));
  }

  // A socket address holds 103 bytes, and `runDirectory` of the kit leaves 48 of them: without
  // `ep-` the longest id that the contract makes just fits.
  sockets(endpointId: EndpointId): string {
    return join(this.socketsDir, endpointId.replace(/^ep-/, ''));
  }
}
