import { runCommand, syncTimeoutMs } from '../command.ts';
import type { TreeWorkers } from './tree-workers.ts';

/**
 * Writes a tree out. On Linux by syncfs(2) through coreutils, which Node does not offer and which is
 * far cheaper than an fsync for each of a thousand files; elsewhere file by file.
 */
export async function syncTree(
  path: string,
  workers: TreeWorkers,
  signal: AbortSignal,
): Promise<void> {
  if (process.platform === 'linux') {
    await runCommand('sync', ['--file-system', path], { signal, timeoutMs: syncTimeoutMs });
  } else {
    await workers.run({ kind: 'sync', path }, signal);
  }
}
