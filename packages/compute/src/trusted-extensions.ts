/**
 * Extensions that a tenant who is not a superuser may create, as on Neon.
 *
 * Their scripts run as superuser, so the sandbox is the security boundary and not this list. Never
 * on it: languages that run as the server (`*u`), `file_fdw`, `pageinspect`, `pg_surgery`.
 */
export const trustedExtensions: ReadonlySet<string> = new Set(
  `address_standardizer address_standardizer_data_us amcheck autoinc bloom btree_gin btree_gist
  citext cube dblink dict_int dict_xsyn earthdistance fuzzystrmatch h3 h3_postgis hll hstore hypopg
  insert_username intagg intarray ip4r isn lo ltree moddatetime pg_buffercache pg_freespacemap
  pg_graphql pg_hashids pg_hint_plan pg_ivm pg_jsonschema pg_logicalinspect pg_partman pg_prewarm
  pg_repack pg_roaringbitmap pg_stat_statements pg_tiktoken pg_trgm pg_uuidv7 pg_visibility
  pg_walinspect pgcrypto pgjwt pgrouting pgrowlocks pgstattuple pgtap pgx_ulid plpgsql_check plv8
  postgis postgis_raster postgis_sfcgal postgis_tiger_geocoder postgis_topology postgres_fdw prefix
  rdkit refint roaringbitmap rum seg semver sslinfo tablefunc tcn tsm_system_rows tsm_system_time
  unaccent unit uuid-ossp vector xml2`.split(/\s+/),
);

/**
 * Grants that a trusted extension's creator misses because the script's objects belong to the
 * superuser. Each is appended to the script that creates the object.
 */
export const ownerGrants: Readonly<Record<string, string>> = {
  'dblink--1.2.sql': 'GRANT USAGE ON FOREIGN DATA WRAPPER dblink_fdw TO @extowner@;',
  'pg_stat_statements--1.6--1.7.sql':
    'GRANT EXECUTE ON FUNCTION pg_stat_statements_reset(Oid, Oid, bigint) TO @extowner@;',
  'pg_stat_statements--1.10--1.11.sql':
    'GRANT EXECUTE ON FUNCTION pg_stat_statements_reset(Oid, Oid, bigint, boolean) TO @extowner@;',
  'postgres_fdw--1.0.sql': 'GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO @extowner@;',
};

/** Sets `trusted = true` in the text of a control file. */
export function markTrusted(control: string): string {
  const rest = control.replace(/^\s*trusted\s*=.*$/gm, '').trimEnd();
  return `${rest}\ntrusted = true\n`;
}
