import type { AdminConnection } from './admin-connection.ts';

/** What tenants are doing on an instance at this moment. */
export interface Activity {
  /** Backends that run a statement or hold a transaction open. */
  readonly busyBackends: number;
  /** Connections that stream WAL (physical or logical). */
  readonly walSenders: number;
  /** All client connections of tenants. */
  readonly clientBackends: number;
}

/** Counts what tenants are doing. */
export function readActivity(_connection: AdminConnection): Promise<Activity> {
  throw new Error('not yet');
}
