import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from '../command.ts';
import type { MountedImage } from './mounted-image.ts';

// While a range is trimmed nothing else is written out on the image: half a second for each free
// gigabyte, and every commit waits. So it is done in pieces.
const pieceBytes = 128 * 2 ** 20;
// Freeing less than this at once is not worth a hole in the file below.
const minBytes = 2 ** 20;

/**
 * Returns the free blocks of a mounted image to the disk below, piece by piece, resting after each
 * as long as it took. Takes 10 milliseconds per piece that has nothing to return: a minute and a half
 * for a terabyte.
 */
export async function trimImage(image: MountedImage, signal: AbortSignal): Promise<void> {
  const { size } = await stat(image.image);
  for (let offset = 0; offset < size; offset += pieceBytes) {
    const start = performance.now();
    const range = { offset, length: pieceBytes, minimum: minBytes };
    const args = Object.entries(range).map(([option, bytes]) => `--${option}=${bytes}`);
    await runCommand('fstrim', [...args, image.mountPoint], { signal });
    await delay(performance.now() - start, undefined, { signal });
  }
}
