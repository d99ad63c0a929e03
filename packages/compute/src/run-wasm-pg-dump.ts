import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { clientLimits, FrameSplitter, readPreamble } from '@pgfleet/pgwire';
import { ADMIN_ROLE } from './admin-connection.ts';
import type { WasmPgDumpTask } from './dump-schema-worker.js';
import { dumpFailed, MAX_SCHEMA_BYTES, type PgDumpRun } from './run-pg-dump.ts';
import { WireSession } from './wire-session.ts';

type Outcome = { readonly sql: string } | { readonly failure: string };

const PAGE_BYTES = 65_536;
const MAX_WASM_BYTES = 512 * 1024 * 1024;
const MAX_HEAP_MB = 512;
// Catalogues are wordier than the SQL that comes of them.
const MAX_RECEIVED_BYTES = 256 * 1024 * 1024;

/**
 * Runs the WebAssembly `pg_dump` in a thread of its own that has no environment and a bound on its
 * memory, and relays what it says to a session over the Unix socket that is logged in already.
 *
 * @throws ComputeError `schema_dump_failed`; what it complained about is the `cause`.
 */
export async function runWasmPgDump(work: PgDumpRun): Promise<string> {
  using session = await WireSession.open({
    ...work,
    user: ADMIN_ROLE,
    maxReceivedBytes: MAX_RECEIVED_BYTES,
  });
  const { port1: near, port2: far } = new MessageChannel();
  const answered = new SharedArrayBuffer(4);
  const worker = startWorker({
    modulePath: work.path,
    args: work.args,
    wire: far,
    answered,
    memoryPages: MAX_WASM_BYTES / PAGE_BYTES,
  });
  try {
    const relayed = relay(near, answered, new Conversation(session));
    return sqlOf(await Promise.race([outcome(worker), relayed, aborted(work.signal)]));
  } catch (error) {
    work.signal.throwIfAborted();
    throw dumpFailed(error);
  } finally {
    near.close();
    await worker.terminate();
  }
}

function startWorker(task: WasmPgDumpTask): Worker {
  const worker = new Worker(new URL('./dump-schema-worker.js', import.meta.url), {
    workerData: task,
    transferList: [task.wire],
    env: {},
    argv: [],
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  worker.stdout.resume();
  worker.stderr.resume();
  return worker;
}

/** What a libpq that believes to log in by itself says, and what it is answered. */
class Conversation {
  readonly #session: WireSession;
  readonly #splitter = new FrameSplitter(clientLimits);
  #preamble: Buffer | undefined = Buffer.alloc(0);

  constructor(session: WireSession) {
    this.#session = session;
  }

  /** The whole answer to what was sent; empty while Postgres waits for more. */
  async answer(sent: Buffer): Promise<Buffer> {
    if (this.#preamble) return this.#greet(Buffer.concat([this.#preamble, sent]));
    this.#splitter.push(sent);
    const answers: Buffer[] = [];
    for (let frame = this.#splitter.next(); frame; frame = this.#splitter.next()) {
      this.#session.send(frame.bytes);
      const expectsReady = 'QSF'.includes(String.fromCharCode(frame.tag));
      if (expectsReady) answers.push(await this.#session.readUntilReady());
    }
    return Buffer.concat(answers);
  }

  // The session behind is open already: its greeting ends the login at once.
  #greet(preamble: Buffer): Buffer {
    const packet = readPreamble(preamble);
    this.#preamble = packet ? undefined : preamble;
    if (!packet) return Buffer.alloc(0);
    if (packet.preamble.kind !== 'startup') throw new Error('pg_dump does not begin with a login');
    return this.#session.greeting;
  }
}

/** Answers the thread until its port closes; rejects when that cannot be done any more. */
function relay(
  port: MessagePort,
  answered: SharedArrayBuffer,
  conversation: Conversation,
): Promise<never> {
  const signal = new Int32Array(answered);
  const answer = async (sent: Uint8Array) => {
    port.postMessage(new Uint8Array(await conversation.answer(Buffer.from(sent))));
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  };
  return new Promise((_resolve, reject) => {
    port.on('message', (sent: Uint8Array) => void answer(sent).catch(reject));
  });
}

function outcome(worker: Worker): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread of pg_dump ended early')));
  });
}

function sqlOf(result: Outcome): string {
  if ('failure' in result) throw new Error(result.failure);
  if (result.sql.length > MAX_SCHEMA_BYTES) throw new Error('pg_dump wrote more than is accepted');
  return result.sql;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
