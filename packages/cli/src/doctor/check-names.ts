import { lookup } from 'node:dns/promises';
import type { Finding } from './finding.ts';
import type { PlatformState } from './platform-state.ts';

/** Whether the hosts of endpoints resolve on this machine. */
export async function checkNames({ config }: PlatformState): Promise<readonly Finding[]> {
  return await Promise.all(config.regions.map((region) => checkName(region, config.domain)));
}

async function checkName(region: string, domain: string): Promise<Finding> {
  const check = 'names';
  const name = `ep-example.${region}.${domain}`;
  try {
    const { address } = await lookup(name);
    return { check, verdict: 'good', message: `*.${region}.${domain} resolves to ${address}` };
  } catch {
    return {
      check,
      verdict: 'note',
      message: `*.${region}.${domain} does not resolve: connection URIs name ${domain} and carry the endpoint as an option`,
      advice:
        'set PGFLEET_DOMAIN to a domain with a wildcard record for this machine, for example ' +
        '127.0.0.1.nip.io',
    };
  }
}
