import type { EndpointId } from '@pgfleet/contract';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Endpoint } from './endpoint.ts';
import { Proxies } from './proxies.ts';

const endpointId = 'ep-one' as EndpointId;
const traffic = { bytesIn: 0, bytesOut: 7, quietMs: 0 };

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

test('connections of all proxies add up, and those of a silent proxy are forgotten', () => {
  const endpoint = { spec: { endpointId }, connections: 0, noteTraffic: () => undefined };
  const proxies = new Proxies(
    (id) => (id === endpointId ? (endpoint as unknown as Endpoint) : undefined),
    () => undefined,
  );
  const report = (proxyId: string, connections: number) =>
    proxies.note({ proxyId, endpoints: [{ endpointId, connections, ...traffic }] });

  report('first', 2);
  report('second', 3);
  expect(endpoint.connections).toBe(5);
  report('first', 1);
  expect(endpoint.connections).toBe(4);

  vi.advanceTimersByTime(4000);
  report('second', 3);
  vi.advanceTimersByTime(2000);
  proxies.forgetSilent();
  expect(endpoint.connections).toBe(3);
  report('second', 0);
  proxies.note({
    proxyId: 'third',
    endpoints: [{ endpointId: 'ep-gone' as EndpointId, connections: 1, ...traffic }],
  });
  expect(endpoint.connections).toBe(0);
});
