import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxedCommand } from './sandbox.ts';

export interface SpawnStreams {
  /** Where standard output and standard error go. */
  readonly output: number | 'ignore' | 'pipe';
  /** The descriptor that the program inherits as its lock. */
  readonly lock?: number;
}

// A tenant may read its server's environment, so there is nothing in it.
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** Spawns a sandboxed command as the leader of a session of its own, so that it outlives us. */
export function spawnSandboxed(command: SandboxedCommand, streams: SpawnStreams): ChildProcess {
  const [program, ...args] = command.argv;
  const texts: number[] = [];
  try {
    for (const text of command.texts) texts.push(openText(text));
    return spawn(program, args, {
      cwd: '/',
      env: ENVIRONMENT,
      detached: true,
      stdio: ['ignore', streams.output, streams.output, streams.lock ?? 'ignore', ...texts],
      ...command.owner,
    });
  } finally {
    for (const fd of texts) closeSync(fd);
  }
}

// A nameless file and not a pipe: nothing to feed after the spawn, nothing left after a crash.
function openText(text: string): number {
  const path = join(tmpdir(), `pgfleet-${randomBytes(8).toString('hex')}`);
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    return openSync(path, 'r');
  } finally {
    unlinkSync(path);
  }
}
