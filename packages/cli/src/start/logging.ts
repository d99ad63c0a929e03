import { writeSync } from 'node:fs';
import { createLogger } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import type { PlatformConfig } from '../config.ts';
import type { PlatformPaths } from '../platform-paths.ts';
import { openLogFile } from '../supervise/log-file.ts';
import { LogFollower } from '../supervise/log-follower.ts';
import { readableLine } from '../supervise/readable-line.ts';
import { logPath } from './log-path.ts';

/** A logger into `<dataDir>/log/up.log`. */
export function openLog(config: PlatformConfig, paths: PlatformPaths): Logger {
  const fd = openLogFile(logPath(paths, 'up'));
  const destination = { write: (line: string) => void writeSync(fd, line) };
  return createLogger({ process: 'up', level: config.logLevel, destination });
}

/** Shows the warnings and errors of every process on the terminal, in readable form. */
export function showLogs(
  paths: PlatformPaths,
  processNames: readonly string[],
): readonly LogFollower[] {
  return ['up', ...processNames].map(
    (name) =>
      new LogFollower(logPath(paths, name), (line) => {
        const readable = readableLine(name, line);
        if (readable !== undefined) process.stderr.write(`${readable}\n`);
      }),
  );
}
