import { hasErrorCode } from '@pgfleet/kit';

/**
 * Stops a process while some work goes on, and lets it go on at the end of that or after `limitMs`,
 * whatever comes first. One that is gone is no error.
 */
export async function whileStopped<T>(
  pid: number,
  work: () => Promise<T>,
  limitMs: number,
): Promise<T> {
  signalIfThere(pid, 'SIGSTOP');
  const timer = setTimeout(() => signalIfThere(pid, 'SIGCONT'), limitMs);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    signalIfThere(pid, 'SIGCONT');
  }
}

function signalIfThere(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!hasErrorCode(error, 'ESRCH')) throw error;
  }
}
