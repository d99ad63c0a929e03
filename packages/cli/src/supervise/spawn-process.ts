import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { identifyProcess, withDeadline } from '@pgfleet/kit';
import { openLogFile } from './log-file.ts';
import { PROCESS_NAME_VARIABLE } from './process-records.ts';
import type { ProcessRecords } from './process-records.ts';
import type { RunningService } from './service.ts';

const READY_TIMEOUT_MS = 120_000;
const ABORTED_START_LIMIT_MS = 10_000;

export interface ProcessPlan {
  readonly name: string;
  /** The module that Node runs, and with which options of its own. */
  readonly modulePath: string;
  readonly nodeOptions?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logPath: string;
  /** A descriptor that the process finds as number 3. */
  readonly listenFd?: number;
}

/**
 * Starts a process of pgfleet and resolves when it says that it is ready.
 *
 * It gets a session of its own and a log file instead of pipes, so that neither a signal to the
 * terminal's process group nor the death of `up` reaches it.
 */
export async function spawnProcess(
  plan: ProcessPlan,
  records: ProcessRecords,
  signal: AbortSignal,
): Promise<RunningService> {
  const child = launch(plan);
  const exited = exitOf(child);
  const running = { exited, stop: (limitMs: number) => stop(child, exited, limitMs) };
  try {
    const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (identity) records.add({ ...identity, name: plan.name, draining: false });
    await withDeadline(() => readiness(child, exited), {
      what: `${plan.name} to become ready`,
      timeoutMs: READY_TIMEOUT_MS,
      signal,
    });
  } catch (error) {
    await running.stop(ABORTED_START_LIMIT_MS);
    throw error;
  }
  return running;
}

function launch(plan: ProcessPlan): ChildProcess {
  const logFd = openLogFile(plan.logPath);
  try {
    return spawn(process.execPath, [...(plan.nodeOptions ?? []), plan.modulePath], {
      env: { ...plan.env, [PROCESS_NAME_VARIABLE]: plan.name },
      detached: true,
      stdio: [
        'ignore',
        logFd,
        logFd,
        ...(plan.listenFd === undefined ? [] : [plan.listenFd]),
        'ipc',
      ],
    });
  } finally {
    closeSync(logFd);
  }
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) =>
      resolve(signal ? `signal ${signal}` : `exit code ${code}`),
    );
  });
}

function readiness(child: ChildProcess, exited: Promise<string>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if (message === 'ready') resolve();
    });
    void exited.then((how) => reject(new Error(how)));
  });
}

async function stop(child: ChildProcess, exited: Promise<string>, limitMs: number): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  await exited;
  clearTimeout(timer);
}
