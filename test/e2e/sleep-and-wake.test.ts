import { waitUntil } from '@pgfleet/kit';
import { connectClient, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ env: { PGFLEET_MIN_SUSPEND_TIMEOUT_SECONDS: '1' } });
});
afterAll(async () => await platform[Symbol.asyncDispose]());

const restless = { default_endpoint_settings: { suspend_timeout_seconds: 1 } };

async function untilAsleep(): Promise<void> {
  await waitUntil(() => platform.postgresProcesses('hosts').length === 0, {
    what: 'every compute to sleep',
    timeoutMs: 30_000,
  });
}

test('an idle compute leaves no process and wakes in the next connection, with its rows', async () => {
  const created = await platform.createProject(restless);
  const uri = created.connection_uris[0]!.connection_uri;
  {
    await using client = await connectClient(uri);
    await client.query('create table kept as select 7 as value');
  }
  await untilAsleep();
  const endpointPath = `/projects/${created.project.id}/endpoints/${created.endpoints[0]!.id}`;
  const state = async () =>
    (await platform.api<{ endpoint: { current_state: string } }>('GET', endpointPath)).body.endpoint
      .current_state;
  await waitUntil(async () => (await state()) === 'idle', {
    what: 'the API to say idle',
    timeoutMs: 10_000,
  });
  await using client = await connectClient(uri);
  expect((await client.query('select value from kept')).rows).toEqual([{ value: 7 }]);
  await waitUntil(async () => (await state()) === 'active', {
    what: 'the API to say active',
    timeoutMs: 10_000,
  });
});

test('fifty clients that connect at once wake one Postgres', async () => {
  const created = await platform.createProject(restless);
  const uri = created.connection_uris[0]!.connection_uri;
  await (await connectClient(uri)).end();
  await platform.settle(created.project.id);
  await untilAsleep();
  const starts = await Promise.all(
    Array.from({ length: 50 }, async () => {
      await using client = await connectClient(uri);
      const { rows } = await client.query<{ at: string }>(
        'select pg_postmaster_start_time()::text as at',
      );
      return rows[0]!.at;
    }),
  );
  expect(new Set(starts).size).toBe(1);
});

test('an open transaction keeps its compute awake', async () => {
  const created = await platform.createProject(restless);
  const uri = created.connection_uris[0]!.connection_uri;
  await using client = await connectClient(uri);
  await client.query('begin');
  const before = await client.query('select pg_postmaster_start_time() as at');
  const other = await platform.createProject(restless);
  await (await connectClient(other.connection_uris[0]!.connection_uri)).end();
  // The other one, opened later, falls asleep: by then this one could have, too.
  const otherPath = `/projects/${other.project.id}/endpoints/${other.endpoints[0]!.id}`;
  await waitUntil(
    async () => {
      const { body } = await platform.api<{ endpoint: { current_state: string } }>(
        'GET',
        otherPath,
      );
      return body.endpoint.current_state === 'idle';
    },
    { what: 'the other compute to sleep', timeoutMs: 30_000 },
  );
  expect((await client.query('select pg_postmaster_start_time() as at')).rows).toEqual(before.rows);
});
