import type { AdminConnection } from './admin-connection.ts';

/** Reads the SCRAM verifiers of all login roles but `cloud_admin`, by role name. */
export function readVerifiers(_connection: AdminConnection): Promise<ReadonlyMap<string, string>> {
  throw new Error('not yet');
}
