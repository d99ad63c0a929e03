import type { Logger, SecretBox } from '@pgfleet/kit';
import type { Installation } from '../domain/installation.ts';
import type { Database } from '../store/database.ts';

/** What the routes of the public API work with. */
export interface ApiContext {
  readonly db: Database;
  readonly secrets: SecretBox;
  readonly installation: Installation;
  readonly worker: OperationKicker;
  readonly log: Logger;
}

/** The worker as the API sees it. */
export interface OperationKicker {
  /** Operations were inserted. */
  kick(): void;
  /** Operations were cancelled. */
  preempt(): void;
}
