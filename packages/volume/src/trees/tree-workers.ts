import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { VolumeError } from '../volume-error.ts';
import type { TreeJob, TreeResults } from './tree-jobs.js';

// File system work scales badly over threads that touch one directory tree; more than this many
// would only take cores away from Postgres.
const maxWorkers = 4;
// A removal and a defragmentation, of which each goes on for seconds, leave one to clones.
const minWorkers = 3;
const maxQueued = 4096;

type TreeResult = TreeResults[TreeJob['kind']];

interface Assignment {
  readonly job: TreeJob;
  readonly cancelled: SharedArrayBuffer;
  resolve(result: TreeResult): void;
  reject(error: Error): void;
}

type Reply =
  | { readonly result: TreeResult }
  | { readonly failure: { readonly message: string; readonly code?: string } };

/**
 * A few threads that walk trees, so that no walk blocks the event loop.
 *
 * The first thread starts at once, because starting one takes longer than a clone; the others when
 * jobs have to wait. Idle threads do not keep the process alive.
 */
export class TreeWorkers implements AsyncDisposable {
  readonly #limit = Math.max(minWorkers, Math.min(maxWorkers, availableParallelism()));
  readonly #idle: Worker[] = [];
  readonly #assigned = new Map<Worker, Assignment | undefined>();
  readonly #queue: Assignment[] = [];
  #closed = false;

  constructor() {
    this.#idle.push(this.#startWorker());
  }

  /**
   * Runs a job and resolves with its result.
   *
   * @throws the system's error with its `code`; the signal's reason, after the job has stopped;
   * VolumeError `busy` when too many jobs wait, `closed` after disposal.
   */
  async run<Job extends TreeJob>(
    job: Job,
    signal?: AbortSignal,
  ): Promise<TreeResults[Job['kind']]> {
    signal?.throwIfAborted();
    if (this.#closed) throw new VolumeError('closed', 'the volume is closed');
    if (this.#queue.length >= maxQueued) {
      throw new VolumeError('busy', `${maxQueued} tree operations are waiting; try again later`);
    }
    const cancelled = new SharedArrayBuffer(4);
    const cancel = () => Atomics.store(new Int32Array(cancelled), 0, 1);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      const result = await new Promise<TreeResult>((resolve, reject) => {
        this.#queue.push({ job, cancelled, resolve, reject });
        this.#assign();
      });
      return result as TreeResults[Job['kind']];
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const closed = new VolumeError('closed', 'the volume was closed');
    for (const waiting of this.#queue.splice(0)) waiting.reject(closed);
    await Promise.all([...this.#assigned.keys()].map(leave));
  }

  #assign(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? this.#anotherWorker();
      const assignment = worker && this.#queue.shift();
      if (!assignment) return;
      this.#assigned.set(worker, assignment);
      worker.ref();
      worker.postMessage({ job: assignment.job, cancelled: assignment.cancelled }, []);
    }
  }

  #anotherWorker(): Worker | undefined {
    return this.#assigned.size < this.#limit ? this.#startWorker() : undefined;
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./tree-worker.js', import.meta.url), {
      execArgv: [],
      // Descriptors are opened by a call that Node does not know of.
      trackUnmanagedFds: false,
    });
    worker.unref();
    this.#assigned.set(worker, undefined);
    worker.on('message', (reply: Reply) => this.#settle(worker, reply));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, new Error('a tree worker ended in the middle')));
    return worker;
  }

  #settle(worker: Worker, reply: Reply): void {
    const assignment = this.#assigned.get(worker);
    this.#assigned.set(worker, undefined);
    worker.unref();
    this.#idle.push(worker);
    if ('result' in reply) assignment?.resolve(reply.result);
    else assignment?.reject(systemError(reply.failure));
    this.#assign();
  }

  #lose(worker: Worker, error: Error): void {
    const assignment = this.#assigned.get(worker);
    if (!this.#assigned.delete(worker)) return;
    const position = this.#idle.indexOf(worker);
    if (position >= 0) this.#idle.splice(position, 1);
    assignment?.reject(error);
    if (!this.#closed) this.#assign();
  }
}

// Not by `terminate`: what it interrupts may be koffi, which then takes the whole process with it.
async function leave(worker: Worker): Promise<void> {
  worker.ref();
  const left = new Promise((resolve) => {
    worker.once('exit', resolve);
  });
  worker.postMessage('leave', []);
  await left;
}

function systemError({ message, code }: { readonly message: string; readonly code?: string }) {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}
