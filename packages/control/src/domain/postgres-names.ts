import { invalidField } from './invalid-request.ts';

/** Postgres cuts names after this many bytes (`NAMEDATALEN - 1`). */
const MAX_NAME_BYTES = 63;

const reservedRoles: ReadonlySet<string> = new Set([
  'cloud_admin',
  'neon_superuser',
  'postgres',
  'public',
  'none',
  'current_user',
  'current_role',
  'session_user',
]);

const reservedDatabases: ReadonlySet<string> = new Set(['postgres', 'template0', 'template1']);

/** @throws PgfleetError `invalid_request` for a name that a tenant's role cannot have. */
export function requireRoleName(name: string, field: string): string {
  requireName(name, field);
  if (reservedRoles.has(name) || name.startsWith('pg_')) throw invalidField(field, 'reserved name');
  return name;
}

/** @throws PgfleetError `invalid_request` for a name that a tenant's database cannot have. */
export function requireDatabaseName(name: string, field: string): string {
  requireName(name, field);
  if (reservedDatabases.has(name)) throw invalidField(field, 'reserved name');
  return name;
}

function requireName(name: string, field: string): void {
  if (name === '') throw invalidField(field, 'must not be empty');
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw invalidField(field, `must not be longer than ${MAX_NAME_BYTES} bytes`);
  }
  // A client takes these for steps in a path, and could never ask for what is called so.
  if (name === '.' || name === '..') throw invalidField(field, 'reserved name');
}
