import { join } from 'node:path';
import { ADMIN_ROLE } from './admin-connection.ts';
import type { InsidePaths } from './sandbox.ts';

/** What a standby follows. */
export interface Primary {
  /** Where its socket is while it runs; made when absent. */
  readonly socketDirectory: string;
}

/** Where a standby keeps the secret, in its data directory and in the format of `.pgpass`. */
export const PASSWORD_FILE = 'pgfleet.pgpass';

/**
 * How a standby logs in to its primary, for `primary_conninfo`. The secret is in a file that libpq reads:
 * what is in the setting itself may be read by every member of `pg_monitor`.
 */
export function primaryConninfo({ data, peer }: InsidePaths): string {
  const words = {
    host: peer,
    user: ADMIN_ROLE,
    passfile: join(data, PASSWORD_FILE),
    application_name: 'pgfleet replica',
    connect_timeout: '5',
    // The primary waits for no standby that says nothing, whatever its tenant has set.
    options: '-c wal_sender_timeout=30s',
  };
  return Object.entries(words)
    .map(([word, value]) => `${word}=${quoted(value)}`)
    .join(' ');
}

function quoted(value: string): string {
  return `'${value.replace(/[\\']/g, (character) => `\\${character}`)}'`;
}
