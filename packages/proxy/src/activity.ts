/**
 * Tells hosts what happens on their endpoints: open connections, bytes, and for how long it has
 * been quiet. A host suspends, meters and enforces from this and from what it sees itself.
 *
 * Counters only grow, and a report carries what they grew by since the last one that was
 * acknowledged; so a host that is away for a while misses nothing.
 */
import { randomBytes } from 'node:crypto';
import type { ActivityReport, EndpointId, HostClient } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';

/** What passed through one endpoint. */
export class Traffic {
  connections = 0;
  bytesIn = 0;
  bytesOut = 0;
  lastByteMs = performance.now();

  countIn(bytes: number): void {
    this.bytesIn += bytes;
    this.lastByteMs = performance.now();
  }

  countOut(bytes: number): void {
    this.bytesOut += bytes;
    this.lastByteMs = performance.now();
  }
}

type Entry = { readonly traffic: Traffic; bytesIn: number; bytesOut: number; connections: number };

export type ActivityOptions = { readonly log: Logger; readonly intervalMs?: number };

/** The contract's bound for one request. */
const maxReportEndpoints = 10_000;
const reportTimeoutMs = 2_000;

export class ActivityReporter implements AsyncDisposable {
  readonly proxyId = `proxy-${randomBytes(8).toString('hex')}`;
  readonly #hosts = new Map<HostClient, HostActivity>();
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor({ log, intervalMs = 250 }: ActivityOptions) {
    this.#log = log;
    this.#timer = setInterval(() => {
      for (const host of this.#hosts.keys()) this.#report(host);
    }, intervalMs);
  }

  /** Counts a connection in; the result counts its bytes and, at its end, the connection out. */
  open(host: HostClient, endpointId: EndpointId): { traffic: Traffic; close: () => void } {
    const activity = this.#hosts.get(host) ?? new HostActivity();
    this.#hosts.set(host, activity);
    const traffic = activity.traffic(endpointId);
    this.#count(host, traffic, 1);
    return { traffic, close: () => this.#count(host, traffic, -1) };
  }

  /** Sends what is left; nothing is sent afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#hosts.keys()].map((host) => this.#sendRest(host)));
    this.#closed = true;
  }

  // A report that is under way lacks what came after it began.
  async #sendRest(host: HostClient): Promise<void> {
    await this.#hosts.get(host)?.sending;
    this.#report(host);
    await this.#hosts.get(host)?.sending;
  }

  #count(host: HostClient, traffic: Traffic, change: number): void {
    traffic.connections += change;
    traffic.lastByteMs = performance.now();
    // Connections that open or close in the same turn share one report.
    setImmediate(() => this.#report(host));
  }

  #report(host: HostClient): void {
    const activity = this.#hosts.get(host);
    if (this.#closed || !activity || activity.sending) return;
    const entries = activity.changed();
    if (entries.length === 0) return;
    activity.sending = this.#send(host, entries).finally(() => {
      activity.sending = undefined;
      activity.forgetFinished();
    });
  }

  async #send(host: HostClient, entries: readonly [EndpointId, Entry][]): Promise<void> {
    try {
      for (let at = 0; at < entries.length; at += maxReportEndpoints) {
        const part = entries.slice(at, at + maxReportEndpoints);
        const endpoints = part.map(([endpointId, entry]) => toReport(endpointId, entry));
        await host.reportActivity(
          { proxyId: this.proxyId, endpoints },
          { timeoutMs: reportTimeoutMs },
        );
        for (const [index, [, entry]] of part.entries()) acknowledge(entry, endpoints[index]);
      }
    } catch (error) {
      this.#log.warn({ err: error, endpoints: entries.length }, 'activity report failed');
    }
  }
}

/** The endpoints of one host that this process has had connections to. */
class HostActivity {
  readonly #entries = new Map<EndpointId, Entry>();
  sending: Promise<void> | undefined;

  traffic(endpointId: EndpointId): Traffic {
    const known = this.#entries.get(endpointId);
    if (known) return known.traffic;
    const traffic = new Traffic();
    this.#entries.set(endpointId, { traffic, bytesIn: 0, bytesOut: 0, connections: 0 });
    return traffic;
  }

  changed(): [EndpointId, Entry][] {
    return [...this.#entries].filter(
      ([, entry]) => entry.traffic.connections > 0 || !isAcknowledged(entry),
    );
  }

  forgetFinished(): void {
    for (const [endpointId, entry] of this.#entries) {
      if (entry.traffic.connections === 0 && isAcknowledged(entry)) {
        this.#entries.delete(endpointId);
      }
    }
  }
}

function toReport(endpointId: EndpointId, { traffic, ...sent }: Entry): ActivityReport {
  return {
    endpointId,
    connections: traffic.connections,
    bytesIn: traffic.bytesIn - sent.bytesIn,
    bytesOut: traffic.bytesOut - sent.bytesOut,
    quietMs: Math.max(0, Math.round(performance.now() - traffic.lastByteMs)),
  };
}

function acknowledge(entry: Entry, report: ActivityReport | undefined): void {
  if (!report) return;
  entry.bytesIn += report.bytesIn;
  entry.bytesOut += report.bytesOut;
  entry.connections = report.connections;
}

function isAcknowledged({ traffic, ...sent }: Entry): boolean {
  return (
    traffic.bytesIn === sent.bytesIn &&
    traffic.bytesOut === sent.bytesOut &&
    traffic.connections === sent.connections
  );
}
