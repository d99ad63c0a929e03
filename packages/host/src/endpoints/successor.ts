import { PgfleetError } from '@pgfleet/contract';
import type { EndpointSpec, TimelineId } from '@pgfleet/contract';
import type { ComputeParts } from './compute-parts.ts';
import type { ComputePlace } from './compute-place.ts';
import type { ComputeRun, LaunchOptions } from './compute-run.ts';
import { openCompute } from './open-compute.ts';

// From its opening to the word that the endpoint goes over to it, control only writes that down.
const PATIENCE_MS = 60_000;

/**
 * The compute of an endpoint on the timeline that it is about to go over to, opened beside the one that
 * serves its clients: those wait for neither a recovery nor a start then. One that nobody goes over to
 * is stopped again.
 */
export class Successor {
  readonly timelineId: TimelineId;
  readonly place: ComputePlace;
  readonly #parts: ComputeParts;
  readonly #spec: EndpointSpec;
  readonly #ending = new AbortController();
  readonly #opening: Promise<void>;
  #run: ComputeRun | undefined;
  #patience: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(parts: ComputeParts, spec: EndpointSpec, options: LaunchOptions) {
    this.timelineId = spec.timelineId;
    this.place = options.place;
    this.#parts = parts;
    this.#spec = spec;
    const signal = AbortSignal.any([options.signal, this.#ending.signal]);
    this.#opening = this.#open({ ...options, signal });
    this.#opening.catch(ignore);
  }

  /** Whether nothing of it is left, or another has it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when it is open; throws what {@link openCompute} throws. */
  get opened(): Promise<void> {
    return this.#opening;
  }

  /** Hands the compute over, if it has not died; its claim on the timeline goes with it. */
  take(): ComputeRun | undefined {
    this.#isOver = true;
    return this.#letGo();
  }

  /** Resolves when no process of it is left. */
  async end(how: 'rest' | 'destroy'): Promise<void> {
    this.#ending.abort(new PgfleetError('unavailable', { message: 'nobody goes over to it' }));
    await this.#opening.catch(ignore);
    const run = this.#letGo();
    if (!run) return;
    try {
      await run[how]();
    } finally {
      this.#release();
    }
  }

  async #open(options: LaunchOptions): Promise<void> {
    try {
      this.#run = await openCompute(this.#parts, this.#spec, options);
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
    this.#patience = setTimeout(() => this.#endInBackground(), PATIENCE_MS);
    this.#patience.unref();
    void this.#awaitDeath(this.#run);
  }

  async #awaitDeath(run: ComputeRun): Promise<void> {
    await run.exited;
    if (this.#run !== run) return;
    this.#letGo();
    this.#warn('a compute died before its endpoint went over to it');
    this.#release();
    await run.bury().catch((error: unknown) => this.#warn('remains of a dead compute stay', error));
  }

  #endInBackground(): void {
    this.#warn('a compute is stopped that its endpoint did not go over to');
    this.end('rest').catch((error: unknown) => this.#warn('it could not be stopped', error));
  }

  #letGo(): ComputeRun | undefined {
    const run = this.#run;
    clearTimeout(this.#patience);
    this.#run = undefined;
    return run;
  }

  #release(): void {
    this.#isOver = true;
    this.#parts.claims.release(this.timelineId, this.#spec.endpointId);
  }

  #warn(message: string, error?: unknown): void {
    const fields = { endpoint_id: this.#spec.endpointId, timeline_id: this.timelineId };
    this.#parts.log.warn({ ...fields, ...(error !== undefined && { err: error }) }, message);
  }
}

// For promises whose failure somebody else reports.
function ignore(): void {}
