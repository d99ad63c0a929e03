import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;

/**
 * Reads the beginning of a small file in a data directory, as somebody who does not trust what is
 * there: a tenant may have come to run programs as the directory's owner, and a pipe or a device in
 * the place of a file would stop, or fill, the process that reads it.
 *
 * @throws the system's error, or Error when it is no regular file.
 */
export function readDataFile(path: string, maxBytes: number): Buffer {
  const fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`${path} is no regular file`);
    const buffer = Buffer.alloc(maxBytes);
    return buffer.subarray(0, readSync(fd, buffer, 0, maxBytes, 0));
  } finally {
    closeSync(fd);
  }
}
