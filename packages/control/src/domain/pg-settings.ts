import { invalidField } from './invalid-request.ts';

/** A setting of Postgres, or of an extension with its prefix. */
const namePattern = /^[a-z]\w*(\.[a-z]\w*)*$/i;

/** What decides where pgfleet finds a compute, how it logs in, and what survives a crash. */
const ownedByPgfleet: readonly RegExp[] = [
  /^(archive|debug|log|logging|recovery|ssl|trace|unix_socket)(_|$)/i,
  /_(file|directory|directories|command)$/i,
  /^(listen_addresses|port|password_encryption|(session|local)_preload_libraries)$/i,
  /^(max|reserved|superuser_reserved)_connections$/i,
  /^(authentication|transaction)_timeout$/i,
  /^(fsync|full_page_writes|huge_pages|wal_level)$/i,
];

/**
 * Checks the names of Postgres settings that a client asks for. Their values are for Postgres to
 * judge, when it starts.
 *
 * @throws PgfleetError `invalid_request` for a name that is none, or a setting that is not the
 * client's to change.
 */
export function requirePgSettings(
  settings: Readonly<Record<string, string>> | undefined,
  field: string,
): void {
  for (const name of Object.keys(settings ?? {})) {
    if (!namePattern.test(name)) throw invalidField(field, `"${name}" is not a setting`);
    const isOwned = ownedByPgfleet.some((pattern) => pattern.test(name));
    if (isOwned) throw invalidField(field, `${name} cannot be changed`);
  }
}
