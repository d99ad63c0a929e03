import { waitUntil } from '@pgfleet/kit';
import { connectClient, startPlatform } from '@pgfleet/testkit';
import { expect, test } from 'vitest';

const restless = { default_endpoint_settings: { suspend_timeout_seconds: 1 } };

test('connect, sleep and wake go on while control and its database are down', async () => {
  await using platform = await startPlatform({ expectedLogs: [/./] });
  const created = await platform.createProject(restless);
  const uri = created.connection_uris[0]!.connection_uri;
  await using _warm = await connectClient(uri);
  await platform.settle(created.project.id);

  const wakesAgain = async () => {
    await waitUntil(() => platform.postgresProcesses('hosts').length === 0, {
      what: 'the sleep',
      timeoutMs: 30_000,
    });
    await using client = await connectClient(uri);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  };
  await _warm.end();

  // With the supervisor paused, what is dead stays dead.
  platform.up.kill('SIGSTOP');
  try {
    platform.killPostgres('control-database');
    await waitUntil(async () => (await platform.api('GET', '/projects')).status === 503, {
      what: 'the API to answer 503',
      timeoutMs: 30_000,
    });
    await wakesAgain();
    platform.signal('control', 'SIGKILL');
    await waitUntil(
      () =>
        platform.api('GET', '/projects').then(
          () => false,
          () => true,
        ),
      {
        what: 'the API to refuse connections',
        timeoutMs: 10_000,
      },
    );
    await wakesAgain();
  } finally {
    platform.up.kill('SIGCONT');
  }
  await waitUntil(
    () =>
      platform.api('GET', '/projects').then(
        ({ status }) => status === 200,
        () => false,
      ),
    { what: 'the API to be back', timeoutMs: 30_000 },
  );
  await platform.createProject();
});
