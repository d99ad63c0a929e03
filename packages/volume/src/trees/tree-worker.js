// Entry of a worker thread: runs one tree job at a time, in the order they arrive.

import { parentPort } from 'node:worker_threads';
import { runTreeJob } from './tree-jobs.js';

/** @typedef {{ readonly job: import('./tree-jobs.js').TreeJob, readonly cancelled: SharedArrayBuffer }} Assignment */

const port = parentPort;
if (!port) throw new Error('tree-worker.js runs only as a worker thread');

port.on('message', (/** @type {Assignment | 'leave'} */ order) => {
  if (order === 'leave') return port.close();
  const { job, cancelled } = order;
  const flag = new Int32Array(cancelled);
  const checkpoint = () => {
    if (Atomics.load(flag, 0) !== 0) throw new Error('cancelled');
  };
  try {
    port.postMessage({ result: runTreeJob(job, checkpoint) });
  } catch (error) {
    // Cloning an error for another thread drops its code.
    const { message, code } = /** @type {NodeJS.ErrnoException} */ (error);
    port.postMessage({ failure: { message, code } });
  }
});
