import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { startTenant } from '../test-host.ts';

const { host, directory } = sharedTestHost();

/** The processes that inherited a file as Postgres inherits the lock of its timeline. */
function inheritors(path: string): readonly string[] {
  const { ino } = statSync(path);
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return statSync(`/proc/${pid}/fd/3`).ino === ino;
    } catch {
      return false;
    }
  });
}

test.runIf(process.platform === 'linux')(
  'a Postgres that works on a timeline at rest holds its lock, as one that serves does',
  async () => {
    const { timeline, endpoint } = await startTenant(host);
    const lockPath = join(directory, 'host', 'locks', `${timeline.timelineId}.lock`);
    expect(inheritors(lockPath)).not.toEqual([]);
    await host.suspend(endpoint.endpointId);
    expect(inheritors(lockPath)).toEqual([]);
    const changed = host.content(timeline.timelineId, {
      changes: [{ kind: 'create_database', name: 'another', ownerName: 'neondb_owner' }],
    });
    await waitUntil(() => inheritors(lockPath).length > 0, {
      what: 'a Postgres with the lock',
      timeoutMs: 20_000,
      intervalMs: 1,
    });
    await changed;
    expect(inheritors(lockPath)).toEqual([]);
  },
);
