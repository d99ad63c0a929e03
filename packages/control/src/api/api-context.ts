import type { OperationId } from '@pgfleet/contract';
import type { Logger, SecretBox } from '@pgfleet/kit';
import type { Installation } from '../domain/installation.ts';
import type { HostConnector } from '../operations/action.ts';
import type { Database } from '../store/database.ts';
import type { ConflictQueue } from './conflict-queue.ts';
import type { OperationWaits } from './operation-waits.ts';
import type { RateLimits } from './rate-limiter.ts';
import type { RunningCalls } from './running-calls.ts';

/** What the server of the public API is made of. */
export interface ApiOptions {
  readonly db: Database;
  readonly secrets: SecretBox;
  readonly installation: Installation;
  readonly worker: OperationKicker & OperationEvents;
  /** For what a host is asked while a request waits. */
  readonly connectHost: HostConnector;
  readonly log: Logger;
  /** Changes that have to wait for others. */
  readonly conflicts: ConflictQueue;
  /** How much each caller may ask; as much as it likes when left out. */
  readonly rateLimits?: RateLimits;
}

/** What the routes of the public API work with. */
export interface ApiContext extends ApiOptions {
  /** Requests that wait for operations. */
  readonly waits: OperationWaits;
  /** Changes with an `Idempotency-Key` that are under way. */
  readonly calls: RunningCalls;
}

/** The worker as the API sees it. */
export interface OperationKicker {
  /** Operations were inserted. */
  kick(): void;
  /** Operations were cancelled. */
  preempt(): void;
}

/** What the worker tells of its work. */
export interface OperationEvents {
  /** Calls back whenever an operation that ran here has ended, or has to wait. */
  onThrough(listener: (id: OperationId) => void): void;
}
