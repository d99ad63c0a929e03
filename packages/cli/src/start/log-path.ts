import { join } from 'node:path';
import type { PlatformPaths } from '../platform-paths.ts';

/** Where a process of this name writes its log. */
export function logPath(paths: PlatformPaths, processName: string): string {
  return join(paths.logDir, `${processName}.log`);
}
