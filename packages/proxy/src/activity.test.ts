import type { ActivityRequest, EndpointId, HostClient } from '@pgfleet/contract';
import { silentLogger, waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { ActivityReporter } from './activity.ts';

const endpointId = 'ep-a' as EndpointId;

function recordingHost() {
  const requests: ActivityRequest[] = [];
  const host = { requests, isDown: false, attempts: 0 };
  const reportActivity = (request: ActivityRequest) => {
    host.attempts += 1;
    if (host.isDown) return Promise.reject(new Error('host is down'));
    requests.push(request);
    return Promise.resolve();
  };
  return { ...host, client: { reportActivity } as unknown as HostClient, state: host };
}

const reporter = () => new ActivityReporter({ log: silentLogger(), intervalMs: 5 });

test('bytes counted while the host was away are reported once it is back', async () => {
  await using activity = reporter();
  const { client, requests, state } = recordingHost();
  state.isDown = true;
  const { traffic, close } = activity.open(client, endpointId);
  traffic.countIn(10);
  traffic.countOut(20);
  await waitUntil(() => state.attempts > 3, { what: 'attempts', timeoutMs: 5_000 });
  expect(requests).toEqual([]);
  traffic.countOut(2);
  close();
  state.isDown = false;
  await waitUntil(() => requests.length > 0, { what: 'a report', timeoutMs: 5_000 });
  await activity[Symbol.asyncDispose]();
  const reports = requests.flatMap(({ endpoints }) => endpoints);
  expect(reports).toEqual([
    { endpointId, connections: 0, bytesIn: 10, bytesOut: 22, quietMs: expect.any(Number) },
  ]);
});

test('an open connection is reported again and again, however quiet', async () => {
  await using activity = reporter();
  const { client, requests } = recordingHost();
  const { close } = activity.open(client, endpointId);
  await waitUntil(() => requests.length > 3, { what: 'reports', timeoutMs: 5_000 });
  expect(requests.at(-1)).toMatchObject({
    proxyId: activity.proxyId,
    endpoints: [{ endpointId, connections: 1, bytesIn: 0, bytesOut: 0 }],
  });
  close();
});

test('the end of a connection is reported when the reporter closes', async () => {
  const activity = reporter();
  const { client, requests } = recordingHost();
  const { close } = activity.open(client, endpointId);
  await waitUntil(() => requests.length > 0, { what: 'a report', timeoutMs: 5_000 });
  close();
  await activity[Symbol.asyncDispose]();
  expect(requests.at(-1)?.endpoints).toMatchObject([{ endpointId, connections: 0 }]);
});

test('what comes while a report is under way is reported when the reporter closes, and nothing after', async () => {
  const activity = new ActivityReporter({ log: silentLogger(), intervalMs: 60_000 });
  const answers: (() => void)[] = [];
  const requests: ActivityRequest[] = [];
  const reportActivity = (request: ActivityRequest) => {
    requests.push(request);
    return new Promise<void>((resolve) => answers.push(resolve));
  };
  const client = { reportActivity } as unknown as HostClient;
  const { traffic, close } = activity.open(client, endpointId);
  const answer = async () => {
    await waitUntil(() => answers.length > 0, { what: 'a report', timeoutMs: 5_000 });
    answers.shift()?.();
  };
  await waitUntil(() => answers.length > 0, { what: 'a report', timeoutMs: 5_000 });
  traffic.countOut(7);
  close();
  await new Promise((resolve) => setImmediate(resolve));
  const closed = activity[Symbol.asyncDispose]();
  await answer();
  await answer();
  await closed;
  expect(requests.at(-1)?.endpoints).toMatchObject([{ endpointId, connections: 0, bytesOut: 7 }]);
  activity.open(client, endpointId).close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(requests).toHaveLength(2);
});
