import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findUnrecorded, readProcessRecords } from '../supervise/process-records.ts';
import type { Finding } from './finding.ts';
import type { PlatformState } from './platform-state.ts';

const CHECK = 'leftovers';
const NEXT_UP = 'the next "pgfleet up" takes care of it';

/** Processes, mounts and sockets that nobody looks after any more. */
export async function checkLeftovers(state: PlatformState): Promise<readonly Finding[]> {
  if (!state.exists) return [good(`${state.paths.dataDir} does not exist yet`)];
  if (state.runs) return [good(`pgfleet runs on ${state.paths.dataDir}`)];
  const findings = [
    ...orphanProcesses(state),
    ...leftMounts(state),
    ...(await staleSockets(state.paths.runDir)),
  ];
  return findings.length > 0 ? findings : [good('nothing was left behind')];
}

function orphanProcesses({ paths }: PlatformState): Finding[] {
  const recorded = readProcessRecords(paths.processRecords);
  return [...recorded, ...findUnrecorded(paths.dataDir, recorded)].map(({ name, pid }) =>
    note(`process ${pid} (${name}) outlived its "pgfleet up"`),
  );
}

function leftMounts({ paths }: PlatformState): Finding[] {
  return mountPoints()
    .filter((path) => path.startsWith(`${paths.dataDir}/`))
    .map((path) => note(`${path} is still mounted`));
}

// proc_pid_mountinfo(5): the mount point is field 5, with octal escapes.
function mountPoints(): string[] {
  if (process.platform !== 'linux') return [];
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((path) => path.replace(/\\(\d{3})/g, (_, code: string) => octal(code)));
}

function octal(code: string): string {
  return String.fromCharCode(Number.parseInt(code, 8));
}

async function staleSockets(runDir: string): Promise<Finding[]> {
  const names = listDirectory(runDir).filter((name) => name.endsWith('.sock'));
  const paths = names.map((name) => join(runDir, name));
  const stale = await Promise.all(paths.map(async (path) => !(await answers(path))));
  return paths.filter((_, at) => stale[at]).map((path) => note(`socket ${path} is dead`));
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function good(message: string): Finding {
  return { check: CHECK, verdict: 'good', message };
}

function note(message: string): Finding {
  return { check: CHECK, verdict: 'note', message, advice: NEXT_UP };
}
