import { choosePgDump, findInstallations, findPgDumps } from '@pgfleet/compute';
import type { PgDump } from '@pgfleet/compute';
import type { Finding } from './finding.ts';

/** Which `pg_dump` writes down the schemas of each Postgres version there is. */
export async function checkPgDump(): Promise<readonly Finding[]> {
  const [installations, pgDumps] = await Promise.all([findInstallations(), findPgDumps()]);
  return installations.map(({ major }) => judgePgDump(major, pgDumps));
}

/** Says where the schemas of a Postgres version come from. */
export function judgePgDump(major: number, pgDumps: readonly PgDump[]): Finding {
  const check = 'pg_dump';
  try {
    const { kind, major: own, path } = choosePgDump(pgDumps, major);
    const what = kind === 'wasm' ? `pg_dump ${own} in WebAssembly` : `pg_dump ${own}`;
    return { check, verdict: 'good', message: `Postgres ${major}: schemas by ${what} (${path})` };
  } catch (error) {
    const { message, cause } = error as Error;
    const advice = (cause as Error | undefined)?.message ?? message;
    return { check, verdict: 'note', message: `Postgres ${major}: ${message}`, advice };
  }
}
