import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, readdir, readlink, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode } from '@pgfleet/kit';

const WORLD_READABLE = 0o444;

/** Repeats a directory tree with hard links, copying what cannot be linked. */
export async function linkTree(
  from: string,
  to: string,
  wanted: (name: string) => boolean,
): Promise<void> {
  await mkdir(to, { mode: 0o755 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (!wanted(entry.name)) continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkTree(source, target, wanted);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else await linkFile(source, target);
  }
}

/**
 * Hard-links a file, or copies it where that is impossible: another file system, a file of another
 * user, or one that not everybody may read.
 */
export async function linkFile(from: string, to: string): Promise<void> {
  const { mode } = await stat(from);
  const readable = (mode & WORLD_READABLE) === WORLD_READABLE;
  if (readable && (await tryLink(from, to))) return;
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, mode & 0o111 ? 0o755 : 0o644);
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP')) return false;
    throw error;
  }
}
