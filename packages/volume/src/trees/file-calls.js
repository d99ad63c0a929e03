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

const O_CLOEXEC = 0o2000000;
// _IOW(0x94, 9, int) of linux/fs.h
const FICLONE = 0x40049409;

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

/** @param {string} call @returns {never} */
function fail(call) {
  const code = getSystemErrorName(-koffi.errno());
  throw Object.assign(new Error(`${code}: ${call} failed`), { code });
}
