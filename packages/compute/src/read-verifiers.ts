import { ADMIN_ROLE, type AdminConnection } from './admin-connection.ts';

/**
 * Reads the SCRAM verifiers of all login roles but `cloud_admin`, by role name: what a password
 * changed by SQL is now.
 */
export async function readVerifiers(
  connection: AdminConnection,
): Promise<ReadonlyMap<string, string>> {
  const rows = await connection.query<{ rolname: string; rolpassword: string }>(
    `SELECT rolname, rolpassword FROM pg_authid
      WHERE rolcanlogin AND rolpassword LIKE 'SCRAM-SHA-256$%' AND rolname <> $1`,
    [ADMIN_ROLE],
  );
  return new Map(rows.map(({ rolname, rolpassword }) => [rolname, rolpassword]));
}
