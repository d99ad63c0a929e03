// System calls that Node does not offer. Only for Linux on the architectures whose numbers these
// are; elsewhere `callsLinux` is false and none may be called.

import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const architectures = ['x64', 'arm64', 'riscv64', 'loong64', 's390x'];

/** Whether the functions of this file can be used. */
export const callsLinux = process.platform === 'linux' && architectures.includes(process.arch);

const libc = callsLinux ? koffi.load(null) : undefined;
const openat = libc?.func('int openat(int, void *, int, unsigned int)');
const ioctl = libc?.func('int ioctl(int, unsigned long, int)');
const ioctlWith = libc?.func('int ioctl(int, unsigned long, void *)');

const O_CLOEXEC = 0o2000000;
// Of linux/fs.h, with the structs that go with them.
const FICLONE = 0x40049409;
const FICLONERANGE = 0x4020940d;
const FIDEDUPERANGE = 0xc0189436;
const FS_IOC_FIEMAP = 0xc020660b;
const cloneRangeBytes = 32;
const dedupeBytes = 24 + 32;
const fiemapBytes = 32;
const fiemapExtentBytes = 56;
const fiemapExtents = 4096;
const FIEMAP_EXTENT_LAST = 1;
const noLimit = 2n ** 64n - 1n;

/**
 * Opens a child of an open directory, whatever is at the path of that directory by now. Half the
 * price of a path through /proc. See openat(2).
 *
 * @param {number} directory
 * @param {string} name In Latin-1.
 * @param {{ readonly flags: number, readonly mode: number }} options
 * @returns {number}
 */
export function openAt(directory, name, { flags, mode }) {
  const fd = openat?.(directory, Buffer.from(`${name}\0`, 'latin1'), flags | O_CLOEXEC, mode);
  return fd >= 0 ? fd : fail('openat');
}

/**
 * Makes an empty file share the blocks of another in one step: the source is seen at one moment, and
 * a failure changes nothing. Between open files, as Node's `copyFile` opens both by name again, which
 * is a third of the time that a small file takes. See ioctl_ficlone(2).
 *
 * @param {number} source
 * @param {number} target
 */
export function shareBlocks(source, target) {
  if (ioctl?.(target, FICLONE, source) !== 0) fail('ioctl_ficlone');
}

/**
 * Makes a stretch of a file share the blocks of the same stretch of another. Throws EINVAL when that
 * ends beyond the source. See ioctl_ficlonerange(2).
 *
 * @param {number} source
 * @param {number} target
 * @param {{ readonly at: number, readonly length: number }} range Whole blocks; a length of 0 reaches
 * to the end of the source, wherever that is.
 */
export function shareRange(source, target, { at, length }) {
  const range = Buffer.alloc(cloneRangeBytes);
  range.writeBigInt64LE(BigInt(source), 0);
  range.writeBigUInt64LE(BigInt(at), 8);
  range.writeBigUInt64LE(BigInt(length), 16);
  range.writeBigUInt64LE(BigInt(at), 24);
  if (ioctlWith?.(target, FICLONERANGE, range) !== 0) fail('ioctl_ficlonerange');
}

/**
 * Replaces blocks of `target` by those of `source`, if the bytes are the same: the system compares
 * and replaces them in one step, so whoever writes to the target meanwhile loses nothing. Returns
 * whether they were the same. See ioctl_fideduperange(2).
 *
 * @param {{ readonly fd: number, readonly at: number }} source
 * @param {{ readonly fd: number, readonly at: number }} target
 * @param {number} length At most 16 MiB, whole blocks.
 */
export function replaceByEqual(source, target, length) {
  const range = Buffer.alloc(dedupeBytes);
  range.writeBigUInt64LE(BigInt(source.at), 0);
  range.writeBigUInt64LE(BigInt(length), 8);
  range.writeUInt16LE(1, 16);
  range.writeBigInt64LE(BigInt(target.fd), 24);
  range.writeBigUInt64LE(BigInt(target.at), 32);
  if (ioctlWith?.(source.fd, FIDEDUPERANGE, range) !== 0) fail('ioctl_fideduperange');
  const status = range.readInt32LE(48);
  if (status < 0) fail('ioctl_fideduperange', -status);
  return status === 0;
}

/**
 * Calls `visit` with the offset of every extent of a file, in order. See Documentation/filesystems/
 * fiemap.rst of Linux.
 *
 * @param {number} fd
 * @param {(at: number) => void} visit
 */
export function eachExtent(fd, visit) {
  const map = Buffer.alloc(fiemapBytes + fiemapExtents * fiemapExtentBytes);
  for (let next = 0n; ; ) {
    map.fill(0, 0, fiemapBytes);
    map.writeBigUInt64LE(next, 0);
    map.writeBigUInt64LE(noLimit - next, 8);
    map.writeUInt32LE(fiemapExtents, 24);
    if (ioctlWith?.(fd, FS_IOC_FIEMAP, map) !== 0) fail('fiemap');
    const count = map.readUInt32LE(20);
    if (count === 0) return;
    for (let index = 0; index < count; index++) {
      const extent = fiemapBytes + index * fiemapExtentBytes;
      const at = map.readBigUInt64LE(extent);
      visit(Number(at));
      next = at + map.readBigUInt64LE(extent + 16);
      if (map.readUInt32LE(extent + 40) & FIEMAP_EXTENT_LAST) return;
    }
  }
}

/** @param {string} call @returns {never} */
function fail(call, errno = koffi.errno()) {
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${code}: ${call} failed`), { code });
}
