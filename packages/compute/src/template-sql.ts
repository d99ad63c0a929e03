import { API_ROLE_ATTRIBUTES } from './apply-spec.ts';

/** The names inside a fresh template, Neon's defaults. */
export const TEMPLATE_DATABASE = 'neondb';
export const TEMPLATE_ROLE = 'neondb_owner';

/** The roles that every cluster has, with the rights that Neon documents. */
export function clusterStatements(major: number): readonly string[] {
  return [
    `CREATE ROLE neon_superuser NOLOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS
      IN ROLE pg_read_all_data, pg_write_all_data`,
    'GRANT pg_monitor, pg_signal_backend TO neon_superuser WITH ADMIN OPTION',
    ...(major >= 16 ? ['GRANT pg_create_subscription TO neon_superuser'] : []),
    `CREATE ROLE ${TEMPLATE_ROLE} ${API_ROLE_ATTRIBUTES}`,
    // The log lies on the host's disk, and RAISE LOG is open to everybody. What is said at the
    // start and end of Postgres, outside of sessions, still gets there.
    'ALTER ROLE ALL SET log_min_messages = fatal',
  ];
}

/** What stands in every database, since functions and default privileges belong to one. */
export function databaseStatements(major: number): readonly string[] {
  const functions = [
    'pg_export_snapshot()',
    'pg_show_replication_origin_status()',
    ...(major >= 16 ? ['pg_log_standby_snapshot()'] : []),
  ];
  return [
    // Before 15 it belonged to the superuser; this role's only member is the database's owner.
    ...(major < 15 ? ['ALTER SCHEMA public OWNER TO pg_database_owner'] : []),
    `GRANT EXECUTE ON FUNCTION ${functions.join(', ')} TO neon_superuser`,
    ...['TABLES', 'SEQUENCES'].map(
      (kind) => `ALTER DEFAULT PRIVILEGES IN SCHEMA public
        GRANT ALL ON ${kind} TO neon_superuser WITH GRANT OPTION`,
    ),
  ];
}
