import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { connect, postmasters, startTenant } from '../test-host.ts';

type Tenant = Awaited<ReturnType<typeof startTenant>>;
type Ask = (context: { readonly signal: AbortSignal }) => Promise<unknown>;

const database = 'neondb';
const { host, directory } = sharedTestHost({ volume: 'auto' });

/** A tenant with a table that nobody can read: in its copies as well, since it is locked for ever. */
async function tenantWithLock(): Promise<Tenant> {
  const tenant = await startTenant(host, { pgSettings: { max_prepared_transactions: '5' } });
  await using session = await connect(tenant.socketPath);
  await session.client.query('CREATE TABLE locked (n int)');
  await session.client.query('BEGIN');
  await session.client.query('LOCK TABLE locked IN ACCESS EXCLUSIVE MODE');
  await session.client.query(`PREPARE TRANSACTION 'endless'`);
  return tenant;
}

const timelines = () =>
  readdirSync(join(directory, 'host', 'volume', 'volume', 'trees')).filter((name) =>
    name.startsWith('tl-'),
  );

/** Asks for something, goes away when a copy runs for it, and waits until that is gone. */
async function hangUp(ask: Ask): Promise<boolean> {
  const before = timelines();
  const caller = new AbortController();
  const outcome = ask({ signal: caller.signal }).catch((error: unknown) => error);
  const isRunning = () =>
    timelines().some((id) => !before.includes(id) && postmasters(directory, id).length > 0);
  await waitUntil(isRunning, { what: 'a copy that runs', timeoutMs: 30_000 });
  const reason = new Error('the caller went away');
  caller.abort(reason);
  await waitUntil(() => timelines().join() === before.join(), {
    what: 'the copy to be gone',
    timeoutMs: 15_000,
  });
  return (await outcome) === reason;
}

test('nothing is read any more for whoever went away', async () => {
  const { timelineId } = (await tenantWithLock()).timeline;
  const at = { kind: 'head' } as const;
  const dump: Ask = (context) => host.schema(timelineId, { database, at }, context);
  const drill: Ask = (context) => host.verify(timelineId, { at }, context);
  expect(await hangUp(dump)).toBe(true);
  expect(await hangUp(drill)).toBe(true);
});
