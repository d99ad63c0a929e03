import { VolumeError } from './volume-error.ts';

const treeNamePattern = /^[a-z0-9][a-z0-9-]{0,79}$/;

/** Says whether `name` can only ever mean one entry of a flat directory. */
export function isTreeName(name: string): boolean {
  return treeNamePattern.test(name);
}

/** @throws VolumeError `bad_tree_name` */
export function assertTreeName(name: string): void {
  if (isTreeName(name)) return;
  const shown = JSON.stringify(name.slice(0, 100));
  throw new VolumeError(
    'bad_tree_name',
    `${shown} cannot name a tree: 1 to 80 characters of a-z, 0-9 and "-", no "-" in front`,
  );
}
