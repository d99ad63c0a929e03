import { isSameProcess, signalProcess, waitUntil } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import { findUnrecorded } from './process-records.ts';
import type { ProcessRecord, ProcessRecords } from './process-records.ts';

const KILL_LIMIT_MS = 5_000;
const END_LIMIT_MS = 2_000;

/**
 * Takes over what an `up` that was killed left behind.
 *
 * Hosts and control are killed outright: they are made for it, a new host adopts the computes, and
 * an orderly stop would suspend them. Proxies are told to accept no more and to drain (SIGUSR2), so
 * that open sessions live on; they stay recorded, and the orderly stop of `up` ends them.
 */
export async function takeOver(
  records: ProcessRecords,
  dataDir: string,
  log: Logger,
): Promise<readonly ProcessRecord[]> {
  const recorded = records.living();
  const orphans = [...recorded, ...findUnrecorded(dataDir, recorded)];
  const draining: ProcessRecord[] = [];
  for (const orphan of orphans) {
    const drains = orphan.name.startsWith('proxy-');
    log.info({ service: orphan.name, orphan_pid: orphan.pid, drains }, 'taking over an orphan');
    signalProcess(orphan, drains ? 'SIGUSR2' : 'SIGKILL');
    if (!drains) continue;
    const record = { ...orphan, draining: true };
    records.add(record);
    draining.push(record);
  }
  await allGone(orphans.filter(({ name }) => !name.startsWith('proxy-')));
  return draining;
}

/** Ends processes: SIGTERM, and SIGKILL for those that take too long. */
export async function endProcesses(processes: readonly ProcessRecord[]): Promise<void> {
  for (const each of processes) signalProcess(each, 'SIGTERM');
  try {
    await allGone(processes, END_LIMIT_MS);
  } catch {
    for (const each of processes) signalProcess(each, 'SIGKILL');
    await allGone(processes);
  }
}

async function allGone(
  processes: readonly ProcessRecord[],
  timeoutMs: number = KILL_LIMIT_MS,
): Promise<void> {
  await waitUntil(() => !processes.some(isSameProcess), {
    what: `${processes.map(({ name, pid }) => `${name} (${pid})`).join(', ')} to end`,
    timeoutMs,
  });
}
