import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from '@pgfleet/kit';
import { runCommand } from '../command.ts';
import { imageFormats } from './image-format.ts';
import type { ImageFormat } from './image-format.ts';

export interface NewImage {
  readonly path: string;
  readonly format: ImageFormat;
  readonly sizeBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a sparse image with an empty file system; it has its name only when it is complete. */
export async function makeImage({ path, format, sizeBytes, signal }: NewImage): Promise<void> {
  await removeUnfinished(path);
  const unfinished = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const { mkfs, mkfsOptions } = imageFormats[format];
  try {
    await createSparseFile(unfinished, sizeBytes);
    await runCommand(mkfs, [...mkfsOptions(sizeBytes), unfinished], { signal });
    await syncFile(unfinished);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function removeUnfinished(path: string): Promise<void> {
  const names = await readdir(dirname(path));
  const unfinished = names.filter((name) => name.startsWith(`${basename(path)}.`));
  for (const name of unfinished) await rm(join(dirname(path), name), { force: true });
}

async function createSparseFile(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
