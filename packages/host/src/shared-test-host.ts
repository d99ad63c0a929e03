import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostClient } from '@pgfleet/contract';
import { afterAll, beforeAll } from 'vitest';
import type { HostOptions } from './host-options.ts';
import { openTestHost, testClient } from './test-host.ts';

/** One host for all tests of a file, and the directory that it keeps everything in. */
export function sharedTestHost(overrides: Partial<HostOptions> = {}): {
  readonly host: HostClient;
  readonly directory: string;
  /** Stops the host in order and starts another one in its place. */
  readonly reopen: () => Promise<void>;
} {
  const directory = join(tmpdir(), `pgfleet-host-${randomBytes(6).toString('hex')}`);
  const client = testClient(directory);
  let opened: AsyncDisposable | undefined;
  const reopen = async () => {
    await opened?.[Symbol.asyncDispose]();
    opened = await openTestHost(directory, overrides);
  };
  beforeAll(async () => {
    await mkdir(directory);
    await reopen();
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await opened?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });
  return { host: client.host, directory, reopen };
}
