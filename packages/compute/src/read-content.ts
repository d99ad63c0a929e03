import { ADMIN_ROLE, type AdminConnection } from './admin-connection.ts';
import type { DatabaseSpec } from './apply-spec.ts';

/** A role as it stands in the cluster. */
export interface ContentRole {
  readonly name: string;
  /** SCRAM-SHA-256 verifier; null without a password, or with one of another kind. */
  readonly verifier: string | null;
  readonly canLogin: boolean;
}

/** The roles and databases of a cluster that the API shows. */
export interface ClusterContent {
  readonly roles: readonly ContentRole[];
  readonly databases: readonly DatabaseSpec[];
}

// A database that the superuser owns is Postgres' own; one whose removal was cut short is none.
const OWN_DATABASES = `SELECT d.oid, datname, datdba FROM pg_database d
  JOIN pg_authid owner ON owner.oid = datdba
  WHERE datname NOT IN ('postgres', 'template0', 'template1') AND datconnlimit <> -2
    AND NOT owner.rolsuper AND owner.rolname <> 'neon_superuser' AND owner.rolname !~ '^pg_'`;

/**
 * Reads the tenant's databases, and those of its roles that have the rights of the API's roles or
 * own one of the databases; both by name.
 */
export async function readContent(connection: AdminConnection): Promise<ClusterContent> {
  const [content] = await connection.query<ClusterContent & Record<string, unknown>>(
    `WITH databases AS (${OWN_DATABASES}),
      roles AS (
        SELECT oid, rolname, rolcanlogin, rolpassword FROM pg_authid
          WHERE NOT rolsuper AND rolname NOT IN ('${ADMIN_ROLE}', 'neon_superuser')
            AND rolname !~ '^pg_'
            AND (oid IN (SELECT datdba FROM databases)
              OR oid IN (SELECT member FROM pg_auth_members
                WHERE roleid = 'neon_superuser'::regrole)))
      SELECT
        coalesce((SELECT json_agg(json_build_object('name', rolname, 'canLogin', rolcanlogin,
          'verifier', CASE WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN rolpassword END)
          ORDER BY rolname) FROM roles), '[]') AS roles,
        coalesce((SELECT json_agg(json_build_object('name', datname,
          'owner', pg_get_userbyid(datdba)) ORDER BY datname) FROM databases), '[]') AS databases`,
  );
  return content!;
}
