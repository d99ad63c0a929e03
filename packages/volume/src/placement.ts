import { readFile } from 'node:fs/promises';
import { hasErrorCode, writeFileAtomic } from '@pgfleet/kit';
import { imageFormats } from './image/image-format.ts';
import type { ImageFormat } from './image/image-format.ts';
import { driverNames } from './volume.ts';
import type { DriverName } from './volume.ts';

/** Where the trees of a volume are: in the directory itself, or on an image mounted there. */
export interface Placement {
  readonly driver: DriverName;
  readonly image?: ImageFormat;
}

const recordVersion = 1;

/**
 * Reads how a volume was placed when it was created; `undefined` for a directory without one.
 *
 * A volume keeps its placement for good. Chosen again at each start, a package installed in between
 * would mount an empty image over the trees.
 */
export async function readPlacement(path: string): Promise<Placement | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const record = JSON.parse(text) as Partial<Placement> & { readonly version?: number };
  if (record.version !== recordVersion || !isPlacement(record)) {
    throw new Error(`${path} was not written by this version of pgfleet; nothing was changed`);
  }
  return record;
}

/** Records how a volume is placed. */
export async function writePlacement(path: string, { driver, image }: Placement): Promise<void> {
  const record = { version: recordVersion, driver, ...(image && { image }) };
  await writeFileAtomic(path, `${JSON.stringify(record)}\n`);
}

function isPlacement(record: Partial<Placement>): record is Placement {
  const { driver, image } = record;
  if (!driver || !driverNames.includes(driver)) return false;
  return image === undefined || image in imageFormats;
}
