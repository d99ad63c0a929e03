import { randomUUID } from 'node:crypto';
import type { OperationAction, OperationId } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';
import type { Database } from '../store/database.ts';
import { claimOperations, renewLeases } from '../store/operation-queue.ts';
import type { Lease } from '../store/operation-queue.ts';
import type { OperationRow } from '../store/schema.ts';
import type { Action, HostConnector } from './action.ts';
import { runOperation } from './run-operation.ts';
import { WakeUp } from './wake-up.ts';

/*
 * Runs operations. The rows are the truth; this class only holds what is under way here.
 *
 * Claiming: a poll finds what is due; a kick from the API of the same process makes it immediate,
 * and what any other replica inserts is taken up by that replica in the same way.
 * Running: every operation has a lease, renewed while it runs. Losing the lease, being cancelled and
 * the stop of this process all abort its signal; what it was doing is repeated or undone by whoever
 * comes next, since every step can be repeated.
 */

export interface OperationWorkerOptions {
  /** May be opened without durability: all that is lost with a crash is done again. */
  readonly db: Database;
  readonly actions: Readonly<Record<OperationAction, Action>>;
  readonly connectHost: HostConnector;
  readonly log: Logger;
  readonly maxConcurrent?: number;
  readonly pollMs?: number;
  /** How long after the death of a worker its operations are taken up by another one. */
  readonly leaseSeconds?: number;
  /**
   * How long after the start nothing is given up for being late: nobody has tried it while control was
   * away, and hosts may have been away with it.
   */
  readonly patienceMs?: number;
}

const DEFAULT_MAX_CONCURRENT = 64;
const DEFAULT_POLL_MS = 1_000;
const DEFAULT_LEASE_SECONDS = 4;
const DEFAULT_PATIENCE_MS = 600_000;

export class OperationWorker implements AsyncDisposable {
  readonly #options: OperationWorkerOptions;
  readonly #lease: Lease;
  readonly #patientUntilMs: number;
  readonly #running = new Map<OperationId, { stop: AbortController; ended: Promise<void> }>();
  readonly #stopping = new AbortController();
  readonly #due = new WakeUp();
  readonly #heartbeat = new WakeUp();
  readonly #listeners: ((id: OperationId) => void)[] = [];
  readonly #loops: Promise<unknown>;
  #isDatabaseDown = false;

  private constructor(options: OperationWorkerOptions) {
    this.#options = options;
    this.#lease = {
      owner: randomUUID(),
      seconds: options.leaseSeconds ?? DEFAULT_LEASE_SECONDS,
    };
    this.#patientUntilMs = Date.now() + (options.patienceMs ?? DEFAULT_PATIENCE_MS);
    this.#loops = Promise.all([this.#claimForever(), this.#renewForever()]);
  }

  /** Starts working at once. */
  static open(options: OperationWorkerOptions): OperationWorker {
    return new OperationWorker(options);
  }

  /** Says that an operation may be due: look now instead of at the next poll. */
  kick(): void {
    this.#due.ring();
  }

  /** Says that operations were cancelled: abort them now instead of at the next renewal. */
  preempt(): void {
    this.#heartbeat.ring();
    this.#due.ring();
  }

  /** Calls back whenever an operation that ran here has ended, or has to wait. */
  onThrough(listener: (id: OperationId) => void): void {
    this.#listeners.push(listener);
  }

  /** Stops claiming, aborts what runs and gives its leases back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('control is stopping'));
    this.#due.ring();
    this.#heartbeat.ring();
    await this.#loops;
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  async #claimForever(): Promise<void> {
    const pollMs = this.#options.pollMs ?? DEFAULT_POLL_MS;
    while (!this.#stopping.signal.aborted) {
      const free = (this.#options.maxConcurrent ?? DEFAULT_MAX_CONCURRENT) - this.#running.size;
      const claimed = await this.#unlessDown(() => this.#claim(free));
      for (const operation of claimed ?? []) this.#start(operation);
      if (free === 0 || claimed?.length !== free) await this.#due.sleep(pollMs);
    }
  }

  async #claim(limit: number): Promise<OperationRow[]> {
    return limit > 0 ? claimOperations(this.#options.db, this.#lease, limit) : [];
  }

  #start(operation: OperationRow): void {
    // Its lease had run out before it could be renewed: the claim has just done that.
    if (this.#running.has(operation.id)) return;
    const stop = new AbortController();
    const ended = runOperation(operation, {
      ...this.#options,
      signal: AbortSignal.any([stop.signal, this.#stopping.signal]),
      patientUntilMs: this.#patientUntilMs,
      isStopping: () => this.#stopping.signal.aborted,
      wakeIn: (ms) => this.#wakeIn(ms),
    }).finally(() => {
      this.#running.delete(operation.id);
      // Its end may have unblocked the next operation of the project, and freed a place.
      this.#due.ring();
      for (const listener of this.#listeners) listener(operation.id);
    });
    this.#running.set(operation.id, { stop, ended });
  }

  #wakeIn(ms: number): void {
    if (ms < (this.#options.pollMs ?? DEFAULT_POLL_MS)) setTimeout(() => this.kick(), ms).unref();
  }

  async #renewForever(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#heartbeat.sleep((this.#lease.seconds * 1000) / 3);
      if (this.#running.size > 0) await this.#unlessDown(() => this.#renew());
    }
  }

  async #renew(): Promise<void> {
    const ids = [...this.#running.keys()];
    const held = await renewLeases(this.#options.db, this.#lease, ids);
    for (const id of ids) {
      if (!held.has(id))
        this.#running.get(id)?.stop.abort(new Error('the operation was taken away'));
    }
  }

  // While the database is down nothing can be claimed or renewed; the loops go on until it is back.
  async #unlessDown<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      if (this.#isDatabaseDown) this.#options.log.info('operations go on');
      this.#isDatabaseDown = false;
      return result;
    } catch (error) {
      if (!this.#isDatabaseDown) this.#options.log.warn({ err: error }, 'operations cannot go on');
      this.#isDatabaseDown = true;
      return undefined;
    }
  }
}
