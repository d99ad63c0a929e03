import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { hasErrorCode, writeFileAtomic } from '@pgfleet/kit';
import type { PostgresInstallation } from './installation.ts';
import { linkFile, linkTree } from './link-tree.ts';
import { markTrusted, ownerGrants, trustedExtensions } from './trusted-extensions.ts';

/** A private, world-readable view of an installation with Neon's extensions made trusted. */
export interface InstallationView {
  readonly major: number;
  readonly version: string;
  readonly directory: string;
  /** Path of the directory of `postgres` and `initdb` below {@link directory}. */
  readonly binPath: string;
  /** Directories outside the view that its links lead to; a sandbox shows them read-only. */
  readonly exposes: readonly string[];
}

// Part of a view's name: a view that was built in another way is another view.
const VIEW_FORMAT = 1;
const DRAFT_LIFETIME_MS = 600_000;

/**
 * Makes the view `<viewsDirectory>/<major>-<version>-<hash>` unless it is there already.
 *
 * Files are hard links where the file system allows it, else copies; a file that differs from the
 * installation's is written anew, since a hard link must never be edited in place. Several
 * processes may race: one of them wins the rename, all of them get its view.
 */
export async function ensureInstallationView(
  installation: PostgresInstallation,
  viewsDirectory: string,
): Promise<InstallationView> {
  const { major, version } = installation;
  const directory = join(viewsDirectory, `${major}-${version}-${fingerprint(installation)}`);
  if (!existsSync(directory)) await buildBeside(directory, installation);
  const root = commonParent(installation);
  const outside = [installation.pkgLibDir, installation.shareDir];
  return {
    major,
    version,
    directory,
    binPath: relative(root, installation.binDir),
    exposes: installation.source === 'npm' ? [] : outside,
  };
}

// Packages add extensions to a system's installation at any time, which changes the directory.
function fingerprint(installation: PostgresInstallation): string {
  const postgres = statSync(join(installation.binDir, 'postgres'));
  const extensions = statSync(join(installation.shareDir, 'extension'));
  const identity = [VIEW_FORMAT, installation, postgres.size, postgres.mtimeMs, extensions.mtimeMs];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 8);
}

async function buildBeside(directory: string, installation: PostgresInstallation): Promise<void> {
  const draft = `${directory}.${randomBytes(6).toString('hex')}.tmp`;
  const created = await mkdir(dirname(draft), { recursive: true });
  if (created !== undefined) await chmod(dirname(draft), 0o755);
  await removeOldDrafts(dirname(draft));
  try {
    await (installation.source === 'npm' ? buildTree : buildFarm)(installation, draft);
    const root = commonParent(installation);
    await patchExtensions(join(draft, relative(root, installation.shareDir), 'extension'));
    await openDirectories(draft);
    await syncFileSystem(draft);
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

async function buildTree(installation: PostgresInstallation, draft: string): Promise<void> {
  const root = commonParent(installation);
  await linkTree(root, draft, (name) => !/\.a$|^pkgconfig$|^include$/.test(name));
  await repairLibraryLinks(root, draft);
}

// npm leaves symbolic links out of packages; a script of the package makes them after the
// installation, unless the user has forbidden such scripts.
async function repairLibraryLinks(root: string, draft: string): Promise<void> {
  const list = await readFile(join(root, 'pg-symlinks.json'), 'utf8');
  const links = JSON.parse(list) as readonly { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    const path = join(draft, target.replace(/^native\//, ''));
    if (!existsSync(path)) await symlink(basename(source), path);
  }
}

// A distribution spreads an installation over directories that hold much else. Postgres finds its
// parts relative to its real path, so the programs are copied and the rest is linked around them.
async function buildFarm(installation: PostgresInstallation, draft: string): Promise<void> {
  const root = commonParent(installation);
  const place = (path: string) => join(draft, relative(root, path));
  await makeDirectory(place(installation.binDir));
  for (const program of ['postgres', 'initdb']) {
    const from = join(installation.binDir, program);
    await linkFile(from, join(place(installation.binDir), program));
  }
  await makeDirectory(dirname(place(installation.pkgLibDir)));
  await symlink(installation.pkgLibDir, place(installation.pkgLibDir));
  await linkEntries(installation.shareDir, place(installation.shareDir), 'extension');
  const extension = join(installation.shareDir, 'extension');
  await linkEntries(extension, place(extension));
}

async function linkEntries(from: string, to: string, except?: string): Promise<void> {
  await makeDirectory(to);
  const names = (await readdir(from)).filter((name) => name !== except);
  await Promise.all(names.map((name) => symlink(join(from, name), join(to, name))));
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
}

// The umask may close what is created; the user of every project must get to the programs.
async function openDirectories(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await openDirectories(join(directory, entry.name));
  }
}

async function patchExtensions(directory: string): Promise<void> {
  for (const file of await readdir(directory)) {
    const path = join(directory, file);
    const grant = ownerGrants[file];
    if (grant !== undefined) await rewrite(path, (text) => `${text}\n${grant}\n`);
    const [name, kind] = file.split('.');
    if (kind === 'control' && trustedExtensions.has(name ?? '')) await rewrite(path, markTrusted);
  }
}

async function rewrite(path: string, edit: (text: string) => string): Promise<void> {
  await writeFileAtomic(path, edit(await readFile(path, 'utf8')), { durable: false });
  await chmod(path, 0o644);
}

// One pass over the file system instead of one for each file: a view is made once and must then
// never be found with empty files after a power loss.
async function syncFileSystem(path: string): Promise<void> {
  await promisify(execFile)('sync', process.platform === 'linux' ? ['-f', path] : []);
}

// Left by processes that were killed while they made a view.
async function removeOldDrafts(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.tmp')) continue;
    const path = join(directory, name);
    const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    const isOld = Date.now() - modified > DRAFT_LIFETIME_MS;
    if (isOld) await rm(path, { recursive: true, force: true });
  }
}

function commonParent({ binDir, shareDir, pkgLibDir }: PostgresInstallation): string {
  let parent = dirname(binDir);
  while (![shareDir, pkgLibDir].every((path) => path.startsWith(join(parent, '/')))) {
    parent = dirname(parent);
  }
  return parent;
}
