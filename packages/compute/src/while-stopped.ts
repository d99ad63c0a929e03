import { signalProcess } from '@pgfleet/kit';
import type { ProcessIdentity } from '@pgfleet/kit';

/**
 * Stops a process while some work goes on, and lets it go on at the end of that or after `limitMs`,
 * whatever comes first. One that is gone is no error.
 */
export async function whileStopped<T>(
  stopped: ProcessIdentity,
  work: () => Promise<T>,
  limitMs: number,
): Promise<T> {
  signalProcess(stopped, 'SIGSTOP');
  const timer = setTimeout(() => signalProcess(stopped, 'SIGCONT'), limitMs);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    signalProcess(stopped, 'SIGCONT');
  }
}
