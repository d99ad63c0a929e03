import type { AdminConnection } from './admin-connection.ts';

/** What work in several databases of a cluster needs. */
export interface ClusterAccess {
  /** To the database `postgres`. */
  readonly connection: AdminConnection;
  /** Opens another connection, which is the caller's to close. */
  readonly open: (database: string) => Promise<AdminConnection>;
}
