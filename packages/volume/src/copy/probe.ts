import type { Finding } from '../tree-driver.ts';

/** Copies work everywhere. */
export function probeCopy(_directory: string): Finding {
  return { works: true, reason: 'every file system can copy' };
}
