import type {
  ControlClient,
  EndpointId,
  EndpointStatus,
  HostId,
  HostReport,
  TimelineId,
  TimelineStatus,
} from '@pgfleet/contract';
import { backoffMs, sleep } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';

export interface ReporterOptions {
  readonly hostId: HostId;
  readonly control: Pick<ControlClient, 'report'>;
  /** Everything of a report but the endpoints. */
  readonly describe: () => Omit<HostReport, 'endpoints' | 'timelines'>;
  /** The endpoint as it is now; `undefined` when it is gone. */
  readonly status: (endpointId: EndpointId) => EndpointStatus | undefined;
  /** Measures a timeline; `undefined` when it is gone. */
  readonly measure: (timelineId: TimelineId) => Promise<TimelineStatus | undefined>;
  readonly log: Logger;
}

const INTERVAL_MS = 1000;
const TIMEOUT_MS = 5000;
const MAX_ENDPOINTS = 10_000;
// Measuring one is a walk over its files.
const MAX_TIMELINES = 50;
const BACKOFF = { baseMs: 200, capMs: 2000 };

/**
 * Keeps control informed: every second, and at once when something has changed.
 *
 * Only which endpoints have changed is remembered, not what happened to them; a report carries how
 * they are when it is sent. So a control that is away for hours misses nothing and costs nothing.
 */
export class Reporter implements AsyncDisposable {
  readonly #options: ReporterOptions;
  readonly #dirty = new Set<EndpointId>();
  readonly #grown = new Set<TimelineId>();
  readonly #closing = new AbortController();
  #wake: () => void = () => undefined;
  readonly #loop: Promise<void>;
  #failures = 0;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  /** Notes a change and reports it at once. */
  changed(endpointId: EndpointId): void {
    this.#dirty.add(endpointId);
    this.#wake();
  }

  /** Notes a change that can wait for the next second. */
  changedSlightly(endpointId: EndpointId): void {
    this.#dirty.add(endpointId);
  }

  /** Notes that a timeline has another size, which is measured when there is time. */
  grown(timelineId: TimelineId): void {
    this.#grown.add(timelineId);
  }

  /** Sends a last report and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#loop;
    await this.#report();
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const complete = await this.#report();
      if (!complete) continue;
      await this.#pause(this.#failures === 0 ? INTERVAL_MS : backoffMs(this.#failures, BACKOFF));
    }
  }

  /** Resolves `false` when there is more to report at once. */
  async #report(): Promise<boolean> {
    const { hostId, control, describe, status } = this.#options;
    const grown = [...this.#grown].slice(0, this.#closing.signal.aborted ? 0 : MAX_TIMELINES);
    for (const timelineId of grown) this.#grown.delete(timelineId);
    const measured = await Promise.all(grown.map((timelineId) => this.#measure(timelineId)));
    const timelines = measured.filter((known) => known !== undefined);
    const batch = [...this.#dirty].slice(0, MAX_ENDPOINTS);
    for (const endpointId of batch) this.#dirty.delete(endpointId);
    const endpoints = batch.map(status).filter((known) => known !== undefined);
    try {
      await control.report(
        hostId,
        { ...describe(), endpoints, timelines },
        { timeoutMs: TIMEOUT_MS },
      );
      this.#noteSuccess();
      return this.#dirty.size === 0;
    } catch (error) {
      for (const endpointId of batch) this.#dirty.add(endpointId);
      for (const timelineId of grown) this.#grown.add(timelineId);
      this.#noteFailure(error);
      return true;
    }
  }

  // A size that cannot be told keeps nothing else from being reported.
  async #measure(timelineId: TimelineId): Promise<TimelineStatus | undefined> {
    try {
      return await this.#options.measure(timelineId);
    } catch (error) {
      this.#options.log.warn({ err: error, timeline_id: timelineId }, 'timeline was not measured');
      return undefined;
    }
  }

  // After a failure changes do not hurry: control is not hit by every one of them while it is down.
  async #pause(ms: number): Promise<void> {
    const hurry = new AbortController();
    if (this.#failures === 0) this.#wake = () => hurry.abort();
    const signal = AbortSignal.any([hurry.signal, this.#closing.signal]);
    await sleep(ms, signal).catch(() => undefined);
    this.#wake = () => undefined;
  }

  #noteSuccess(): void {
    if (this.#failures > 0) this.#options.log.info('control answers again');
    this.#failures = 0;
  }

  #noteFailure(error: unknown): void {
    if (this.#failures++ === 0) {
      this.#options.log.info({ err: error }, 'control does not answer, reports are kept');
    }
  }
}
