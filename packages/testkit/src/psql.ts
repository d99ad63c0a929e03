import { execFile, execFileSync } from 'node:child_process';

export interface PsqlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 60_000;

/** Whether `psql` is installed here. */
export const hasPsql = ((): boolean => {
  try {
    execFileSync('psql', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Runs one command with psql: unaligned, tuples only. Resolves whatever the exit code. */
export function psql(
  uri: string,
  command: string,
  env: NodeJS.ProcessEnv = {},
): Promise<PsqlResult> {
  const args = ['-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-c', command, uri];
  const options = { timeout: TIMEOUT_MS, env: { ...process.env, ...env } };
  return new Promise((resolve) => {
    execFile('psql', args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout: stdout.trim(), stderr });
    });
  });
}
