import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHost, queryValue, startTenant, testDirectory } from './test-host.ts';

let directory: Awaited<ReturnType<typeof testDirectory>>;
let opened: Awaited<ReturnType<typeof openTestHost>>;

beforeAll(async () => {
  directory = await testDirectory();
  opened = await openTestHost(directory.path);
});

afterAll(async () => {
  await opened?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
});

describe('a tenant', () => {
  test('is created, started and queried with its own password', async () => {
    const { socketPath, endpointId } = await startTenant(opened.host);
    expect(await queryValue(socketPath, 'SELECT current_user')).toBe('neondb_owner');
    const status = await opened.host.suspend(endpointId);
    expect(status).toMatchObject({ state: 'idle', startError: null });
    expect(existsSync(socketPath)).toBe(false);
    const again = await opened.host.start(endpointId);
    expect(again.started).toBe(true);
    expect(await queryValue(again.socketPath, 'SELECT 1')).toBe(1);
  });
});
