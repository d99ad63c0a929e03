import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '@pgfleet/kit';
import type { Platform } from '@pgfleet/testkit';
import { volumeRoot } from './volume-root.ts';

const PATIENCE_MS = 120_000;
const INTERVAL_MS = 50;

/**
 * Waits until a project's operations have ended and what they deleted is off the disk, which the
 * host sees to behind the deletion: what is measured next does not pay for it.
 */
export async function settled(platform: Platform, projectId: string): Promise<void> {
  await platform.settle(projectId);
  const trash = join(volumeRoot(platform), 'trash');
  await waitUntil(async () => (await readdir(trash)).length === 0, {
    what: 'the space of what was deleted to be given back',
    timeoutMs: PATIENCE_MS,
    intervalMs: INTERVAL_MS,
  });
}
