import { readFileSync } from 'node:fs';
import { createControlClient, createHostClient } from '@pgfleet/contract';
import { RpcClient, waitUntil } from '@pgfleet/kit';
import { hostAddress } from './platform-paths.ts';
import type { StartContext } from './start/start-context.ts';

const TIMEOUT_MS = 60_000;
const INTERVAL_MS = 20;

/**
 * Waits until the API is healthy and control knows every host, so that the first request after the
 * greeting succeeds; returns the greeting.
 */
export async function waitUntilServing(context: StartContext): Promise<string> {
  const { config, paths } = context;
  const apiUrl = `http://${reachable(config.api.address)}:${config.api.port}`;
  const token = readFileSync(paths.internalKey, 'utf8').trim();
  await waitUntil(() => isHealthy(apiUrl), waiting('the API to be healthy'));
  await waitUntil(() => knowsAllHosts(context, token), waiting('every host to report to control'));
  const hosts = await Promise.all(
    config.regions.map((region) => describeHost(region, hostAddress(paths, region), token)),
  );
  const postgres = `${reachable(config.postgres.address)}:${config.postgres.port}`;
  const facts = [`api ${apiUrl}/api/v2`, `postgres ${postgres}`, `key ${paths.adminKey}`, ...hosts];
  return `pgfleet ready: ${facts.join(', ')}`;
}

const waiting = (what: string) => ({ what, timeoutMs: TIMEOUT_MS, intervalMs: INTERVAL_MS });

async function isHealthy(apiUrl: string): Promise<boolean> {
  try {
    return (await fetch(`${apiUrl}/healthz`)).status === 200;
  } catch {
    return false;
  }
}

async function knowsAllHosts({ config, paths }: StartContext, token: string): Promise<boolean> {
  await using rpc = new RpcClient(`unix:${paths.controlSocket}`, token);
  try {
    const { hosts } = await createControlClient(rpc).hosts();
    const known = new Set(hosts.map(({ regionId }) => regionId));
    return config.regions.every((region) => known.has(region));
  } catch {
    return false;
  }
}

async function describeHost(region: string, address: string, token: string): Promise<string> {
  await using rpc = new RpcClient(address, token);
  const { volumeDriver, sandbox } = await createHostClient(rpc).info();
  return `host ${region} (volume ${volumeDriver}, sandbox ${sandbox})`;
}

// An address that means "all interfaces" cannot be connected to everywhere.
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return address.includes(':') ? `[${address}]` : address;
}
