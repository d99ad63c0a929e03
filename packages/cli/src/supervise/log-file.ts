import { copyFileSync, existsSync, openSync, renameSync, statSync, truncateSync } from 'node:fs';

const MAX_LOG_BYTES = 16 * 1024 * 1024;

/** Opens a process' log for appending; a full one makes room first, and one old one is kept. */
export function openLogFile(path: string): number {
  if (existsSync(path) && statSync(path).size >= MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

/**
 * Bounds a log that a process has open: it is copied aside and emptied. Lines written between the
 * two calls are lost; the process keeps its descriptor, which nobody could exchange from outside.
 */
export function boundLogFile(path: string, sizeBytes: number): boolean {
  if (sizeBytes < MAX_LOG_BYTES) return false;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
  return true;
}
