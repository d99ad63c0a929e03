import { ListenError, ListeningSocket } from '@pgfleet/kit';
import type { Listen } from '../config.ts';
import type { Finding } from './finding.ts';
import type { PlatformState } from './platform-state.ts';

/** Whether the ports are free, or served by the pgfleet that runs. */
export function checkPorts({ config, runs }: PlatformState): Promise<readonly Finding[]> {
  return Promise.resolve([
    checkPort('PGFLEET_API_PORT', config.api, runs),
    checkPort('PGFLEET_PG_PORT', config.postgres, runs),
  ]);
}

function checkPort(variable: string, { address, port }: Listen, runs: boolean): Finding {
  const check = 'port';
  const code = tryPort(address, port);
  const place = `${address}:${port}`;
  if (code === undefined) {
    const message = runs ? `${place} is free although pgfleet runs` : `${place} is free`;
    return { check, verdict: runs ? 'note' : 'good', message };
  }
  if (code === 'EADDRINUSE' && runs) {
    return { check, verdict: 'good', message: `${place} is in use while pgfleet runs` };
  }
  const advice = `stop the program that has it, or set ${variable}`;
  return { check, verdict: 'problem', message: `${place} cannot be had (${code})`, advice };
}

function tryPort(address: string, port: number): string | undefined {
  try {
    ListeningSocket.open(address, port).close();
    return undefined;
  } catch (error) {
    if (error instanceof ListenError) return error.code;
    throw error;
  }
}
