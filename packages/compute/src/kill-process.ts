import { hasErrorCode } from '@pgfleet/kit';

/** Sends SIGKILL; a process that is already gone is no error. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!hasErrorCode(error, 'ESRCH')) throw error;
  }
}
