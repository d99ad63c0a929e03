// A process that is killed in the middle of a walk over a tree: at the entry with the number that is
// the second argument. The first is the job.

import { runTreeJob } from './trees/tree-jobs.js';

const [job = '', entry] = process.argv.slice(2);
let entriesLeft = Number(entry);
runTreeJob(JSON.parse(job), () => {
  entriesLeft -= 1;
  if (entriesLeft === 0) process.kill(process.pid, 'SIGKILL');
});
