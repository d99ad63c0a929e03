import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasErrorCode } from './error-code.ts';

export interface AtomicFileOptions {
  readonly mode?: number;
  /** Whether the content survives a power loss once this resolves; `true` when left out. */
  readonly durable?: boolean;
}

/** Replaces a file so that readers, and a restart after a crash, see the old text or the new. */
export async function writeFileAtomic(
  path: string,
  text: string,
  { mode = 0o600, durable = true }: AtomicFileOptions = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeNew(temporary, text, { mode, durable });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (durable) await syncDirectory(dirname(path));
}

/** Makes the names in a directory durable: a rename or unlink survives only after this. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Reads a JSON file; `undefined` when it does not exist. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw new Error(`cannot read ${path}`, { cause: error });
  }
}

async function writeNew(
  path: string,
  text: string,
  { mode, durable }: { readonly mode: number; readonly durable: boolean },
): Promise<void> {
  const handle = await open(path, 'wx', mode);
  try {
    await handle.writeFile(text);
    if (durable) await handle.datasync();
  } finally {
    await handle.close();
  }
}
