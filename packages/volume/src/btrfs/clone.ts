import { stat } from 'node:fs/promises';
import { runCommand } from '../command.ts';
import type { CloneRequest } from '../tree-driver.ts';
import type { TreeWorkers } from '../trees/tree-workers.ts';

/** Snapshots a subvolume; walks it only when it gets another owner. */
export async function cloneBySnapshot(
  { source, target, owner, signal }: CloneRequest,
  workers: TreeWorkers,
): Promise<void> {
  const current = await stat(source);
  await runCommand('btrfs', ['subvolume', 'snapshot', source, target], { signal });
  // A tree has one owner, that of its top directory: it is given to all of it or to none.
  if (!owner || (current.uid === owner.uid && current.gid === owner.gid)) return;
  if (process.geteuid?.() !== 0) return;
  await workers.run({ kind: 'chown', path: target, owner }, signal);
}
