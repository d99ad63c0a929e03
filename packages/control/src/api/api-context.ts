import type { Logger, SecretBox } from '@pgfleet/kit';
import type { Installation } from '../domain/installation.ts';
import type { HostConnector } from '../operations/action.ts';
import type { Database } from '../store/database.ts';
import type { ConflictQueue } from './conflict-queue.ts';

/** What the routes of the public API work with. */
export interface ApiContext {
  readonly db: Database;
  readonly secrets: SecretBox;
  readonly installation: Installation;
  readonly worker: OperationKicker;
  /** For what a host is asked while a request waits. */
  readonly connectHost: HostConnector;
  readonly log: Logger;
  /** Changes that have to wait for others. */
  readonly conflicts: ConflictQueue;
}

/** The worker as the API sees it. */
export interface OperationKicker {
  /** Operations were inserted. */
  kick(): void;
  /** Operations were cancelled. */
  preempt(): void;
}
