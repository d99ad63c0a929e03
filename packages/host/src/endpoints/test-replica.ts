import { newEndpointId } from '@pgfleet/contract';
import type { EndpointSpec, HostClient } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { queryValue, startTenant } from '../test-host.ts';

/** For tests: a tenant with a table of notes, and a replica that sleeps. */
export async function withReplica(host: HostClient, change: Partial<EndpointSpec> = {}) {
  const tenant = await startTenant(host);
  await queryValue(tenant.socketPath, 'CREATE TABLE notes AS SELECT 1 AS n');
  const replica: EndpointSpec = {
    ...tenant.endpoint,
    endpointId: newEndpointId('aws-us-east-2'),
    type: 'read_only',
    ...change,
  };
  await host.putEndpoint(replica);
  const wake = async () => (await host.start(replica.endpointId)).socketPath;
  return { ...tenant, replica, wake };
}

export function count(socketPath: string): Promise<unknown> {
  return queryValue(socketPath, 'SELECT count(*)::int FROM notes');
}

export function note(socketPath: string, notes = 1): Promise<unknown> {
  return queryValue(socketPath, `INSERT INTO notes SELECT generate_series(1, ${notes})`);
}

export function untilCount(socketPath: string, expected: number): Promise<unknown> {
  return waitUntil(async () => (await count(socketPath)) === expected, {
    what: `${expected} notes in the replica`,
    timeoutMs: 20_000,
    intervalMs: 20,
  });
}
