// Entry of a worker thread: runs the WebAssembly pg_dump once.
//
// Its module was made for a database in the same process: it calls `execProtocolRawStream` with what
// libpq sends and expects the whole answer before the call returns. So the thread sleeps in each
// call until the thread that started it has relayed the bytes.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

/**
 * @typedef {{ readonly modulePath: string, readonly args: readonly string[],
 *   readonly wire: import('node:worker_threads').MessagePort, readonly answered: SharedArrayBuffer,
 *   readonly memoryPages: number }} WasmPgDumpTask
 * @typedef {(bytes: Uint8Array, options: { onRawData: (bytes: Uint8Array) => void }) => void} Exchange
 * @typedef {{ rows: readonly { search_path: string }[] }} SearchPath
 * @typedef {{ query: () => Promise<SearchPath>, exec: () => Promise<void>, execProtocolRawStream: Exchange }} Database
 * @typedef {{ pgDump: (options: { pg: Database, args: string[] }) => Promise<File> }} PgDumpModule
 */

const port = parentPort;
if (!port) throw new Error('dump-schema-worker.js runs only as a worker thread');

/** @type {WasmPgDumpTask} */
const { modulePath, args, wire, answered, memoryPages } = workerData;
const signal = new Int32Array(answered);

// The module asks for up to 2 GiB; limits of a worker thread do not count WebAssembly's memory.
/** @type {{ Memory: new (descriptor: { readonly maximum: number }) => object }} */
const wasm = Reflect.get(globalThis, 'WebAssembly');
wasm.Memory = class extends wasm.Memory {
  /** @param {{ readonly maximum: number }} descriptor */
  constructor(descriptor) {
    super({ ...descriptor, maximum: Math.min(descriptor.maximum, memoryPages) });
  }
};

/** @type {Exchange} */
function exchange(bytes, { onRawData }) {
  Atomics.store(signal, 0, 0);
  // The bytes lie in WebAssembly's memory, which moves when it grows.
  const said = bytes.slice();
  wire.postMessage(said, [said.buffer]);
  Atomics.wait(signal, 0, 0);
  const answer = /** @type {Uint8Array} */ (receiveMessageOnPort(wire)?.message);
  if (answer.length > 0) onRawData(answer);
}

/** @type {Database} */
const pg = {
  execProtocolRawStream: exchange,
  // Before and after it runs pg_dump, the module looks at the session that it thinks it shares.
  query: () => Promise.resolve({ rows: [{ search_path: '' }] }),
  exec: () => Promise.resolve(),
};

try {
  /** @type {PgDumpModule} */
  const { pgDump } = await import(modulePath);
  const file = await pgDump({ pg, args: [...args] });
  port.postMessage({ sql: await file.text() });
} catch (error) {
  port.postMessage({ failure: error instanceof Error ? error.message : String(error) });
}
