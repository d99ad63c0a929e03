import { ListenError, ListeningSocket, sleep } from '@pgfleet/kit';
import type { Listen, PlatformConfig } from '../config.ts';
import { StartError } from '../start-error.ts';

const RETRY_INTERVAL_MS = 20;

/**
 * Binds the Postgres port for the proxy workers and checks that the API port is free, before
 * anything is started.
 *
 * `patienceMs` bridges the moment until the proxies of a killed `up` have let go of the port.
 *
 * @throws StartError that names the port and what to do.
 */
export async function claimPorts(
  config: PlatformConfig,
  patienceMs: number,
): Promise<ListeningSocket> {
  (await open('PGFLEET_API_PORT', config.api, patienceMs)).close();
  return await open('PGFLEET_PG_PORT', config.postgres, patienceMs);
}

async function open(
  variable: string,
  { address, port }: Listen,
  patienceMs: number,
): Promise<ListeningSocket> {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      return ListeningSocket.open(address, port);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      const passing = error.code === 'EADDRINUSE' && performance.now() < end;
      if (!passing) throw new StartError(explain(variable, { address, port }, error.code));
    }
    await sleep(RETRY_INTERVAL_MS);
  }
}

function explain(variable: string, { address, port }: Listen, code: string): string {
  const problems: Record<string, string> = {
    EADDRINUSE: `port ${port} on ${address} is in use: stop the program that has it`,
    EACCES: `this user may not listen on port ${port}: take one above 1023`,
    EADDRNOTAVAIL: `${address} is not an address of this machine: correct it`,
  };
  const problem = problems[code] ?? `cannot listen on ${address} port ${port} (${code})`;
  return `${problem}, or set ${variable} to another port`;
}
