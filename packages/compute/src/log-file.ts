import { closeSync, openSync, readSync, renameSync, statSync, truncateSync } from 'node:fs';

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;
const TAIL_BYTES = 4096;

/** Opens an instance's log for appending (0600); one that has grown too large becomes `<path>.1`. */
export function openLogFile(path: string): number {
  if (logBytes(path) > DEFAULT_MAX_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

/**
 * Empties an instance's log when it has grown over `maxBytes`. Safe while the instance runs, which
 * only appends; to be called now and then, since a tenant can make Postgres log.
 */
export function boundLogFile(path: string, maxBytes = DEFAULT_MAX_BYTES): void {
  if (logBytes(path) > maxBytes) truncateSync(path);
}

/** The size of a log; 0 when there is none. */
export function logBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The end of what was logged since the log had `fromBytes`. */
export function logTail(path: string, fromBytes: number): string {
  const end = logBytes(path);
  const start = Math.max(fromBytes, end - TAIL_BYTES, 0);
  const buffer = Buffer.alloc(Math.max(end - start, 0));
  const fd = openSync(path, 'r');
  try {
    readSync(fd, buffer, 0, buffer.length, start);
  } finally {
    closeSync(fd);
  }
  return buffer.toString('utf8');
}
