import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

// File system tools live in sbin, which is not on every root's PATH.
const searchPath = [process.env['PATH'], '/usr/local/sbin', '/usr/sbin', '/sbin']
  .filter(Boolean)
  .join(delimiter);
const maxOutputBytes = 1 << 20;
const defaultTimeoutMs = 60_000;

/** Limit for commands that write out or discard as much as a volume holds. */
export const syncTimeoutMs = 600_000;

export interface CommandOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** A command that ended with an error; `code` is the system's error code when its text names one. */
class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: string | undefined;

  constructor(command: string, stderr: string, cause: Error) {
    super(`${command} failed: ${stderr.trim() || cause.message}`, { cause });
    this.code = systemErrorCode(stderr);
  }
}

/** Runs a system tool to its end and returns what it printed. @throws CommandError */
export function runCommand(
  file: string,
  args: readonly string[],
  { signal, timeoutMs = defaultTimeoutMs }: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      file,
      [...args],
      {
        env: { PATH: searchPath, LC_ALL: 'C' },
        maxBuffer: maxOutputBytes,
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        ...(signal && { signal }),
      },
      (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else if (signal?.aborted) reject(signal.reason as Error);
        else reject(new CommandError([file, ...args].join(' '), stderr, error));
      },
    );
  });
}

/** Says which of these tools are not installed. */
export async function missingCommands(...names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map(isInstalled));
  return names.filter((_name, index) => !found[index]);
}

async function isInstalled(name: string): Promise<boolean> {
  const candidates = searchPath.split(delimiter).map((directory) => join(directory, name));
  const checks = candidates.map((path) => access(path, constants.X_OK).then(() => true));
  return Promise.any(checks).catch(() => false);
}

// The tools have no exit codes for these; the texts are strerror's in the C locale.
function systemErrorCode(stderr: string): string | undefined {
  if (stderr.includes('No space left on device')) return 'ENOSPC';
  if (stderr.includes('Disk quota exceeded')) return 'EDQUOT';
  if (stderr.includes('Operation not permitted')) return 'EPERM';
  if (stderr.includes('Directory not empty')) return 'ENOTEMPTY';
  return undefined;
}
