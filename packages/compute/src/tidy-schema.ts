import { setImmediate as nextTurn } from 'node:timers/promises';
import { ADMIN_ROLE } from './admin-connection.ts';
import { splitStatements } from './split-statements.ts';

// How much is read before others get their turn.
const TURN_CHARACTERS = 250_000;

const FIRST_MAJOR_WITH_TRANSACTION_TIMEOUT = 17;

/** What the platform put into every database, and what names its superuser. */
const OURS = [
  new RegExp(`^ALTER DEFAULT PRIVILEGES FOR ROLE ${ADMIN_ROLE} `),
  new RegExp(`^ALTER [^]* OWNER TO ${ADMIN_ROLE};$`),
  new RegExp(`^SET SESSION AUTHORIZATION ${ADMIN_ROLE};$`),
  /^(?:GRANT|REVOKE) [A-Z ,]+ ON FUNCTION pg_catalog\./,
];

const OWNED_BY_US = new RegExp(`^(-- Name: .*; Owner: )${ADMIN_ROLE}$`, 'gm');
const VERSIONS = /^-- Dumped (?:from database|by pg_dump) version .*\n/gm;
const RESTRICT = /^\\restrict (\w+)\n/m;

/**
 * Takes out of a dump what differs between two dumps of the same definitions, what the platform put
 * into every database, and what a server of that major version would not accept back.
 */
export async function tidySchema(dump: string, serverMajor: number): Promise<string> {
  const kept: string[] = [];
  let read = 0;
  for (const { lead, statement } of splitStatements(withoutRestriction(dump))) {
    read += lead.length + statement.length;
    if (read > TURN_CHARACTERS) {
      read = 0;
      await nextTurn();
    }
    if (isLeftOut(statement, serverMajor)) continue;
    kept.push(lead.replace(VERSIONS, '').replace(OWNED_BY_US, '$1-'), statement);
  }
  return kept.join('').replace(/^(--\n-- PostgreSQL database dump\n--)\n+/, '$1\n\n');
}

function isLeftOut(statement: string, serverMajor: number): boolean {
  if (OURS.some((pattern) => pattern.test(statement))) return true;
  const isUnknown = serverMajor < FIRST_MAJOR_WITH_TRANSACTION_TIMEOUT;
  return isUnknown && statement === 'SET transaction_timeout = 0;';
}

// psql's commands against smuggled commands of psql: the first one stands before every statement,
// the last one, with the same random key, behind them all.
function withoutRestriction(dump: string): string {
  const key = RESTRICT.exec(dump)?.[1];
  if (key === undefined) return dump;
  const last = `\\unrestrict ${key}\n`;
  const end = dump.lastIndexOf(last);
  const open = end < 0 ? dump : dump.slice(0, end) + dump.slice(end + last.length);
  return open.replace(RESTRICT, '');
}
