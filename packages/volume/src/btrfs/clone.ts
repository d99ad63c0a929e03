import { stat } from 'node:fs/promises';
import { runCommand } from '../command.ts';
import type { CloneRequest } from '../tree-driver.ts';
import type { TreeWorkers } from '../trees/tree-workers.ts';

/** Snapshots a subvolume; walks it only when it gets another owner or does without something. */
export async function cloneBySnapshot(
  { source, target, owner, exclude, signal }: CloneRequest,
  workers: TreeWorkers,
): Promise<undefined> {
  const current = await stat(source);
  await runCommand('btrfs', ['subvolume', 'snapshot', source, target], { signal });
  if (exclude.length > 0) {
    await workers.run({ kind: 'clear', path: target, names: exclude }, signal);
  }
  // A tree has one owner, that of its top directory: it is given to all of it or to none.
  if (!owner || (current.uid === owner.uid && current.gid === owner.gid)) return;
  if (process.geteuid?.() !== 0) return;
  await workers.run({ kind: 'chown', path: target, owner }, signal);
}
