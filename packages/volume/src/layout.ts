import { join } from 'node:path';
import { imageFormats } from './image/image-format.ts';
import type { ImageFormat } from './image/image-format.ts';

/** The files and directories of a volume in the directory it was opened in. */
export function volumeLayout(directory: string) {
  const root = join(directory, 'volume');
  return {
    root,
    lock: join(directory, 'volume.lock'),
    record: join(directory, 'volume.json'),
    image: (format: ImageFormat) => join(directory, imageFormats[format].fileName),
  };
}

export interface RootLayout {
  readonly trees: string;
  /** Trees being built. What is here when a volume is opened was left by a crash. */
  readonly incoming: string;
  /** Trees being deleted; likewise. */
  readonly trash: string;
}

/** The parts of a volume's root; all on one file system, so that renames between them are atomic. */
export function rootLayout(root: string): RootLayout {
  return {
    trees: join(root, 'trees'),
    incoming: join(root, 'incoming'),
    trash: join(root, 'trash'),
  };
}
