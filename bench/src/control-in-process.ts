import { randomBytes } from 'node:crypto';
import {
  actions,
  allChores,
  ConflictQueue,
  createApi,
  openDatabase,
  OperationWorker,
} from '@pgfleet/control';
import type { Database, Installation, Statement } from '@pgfleet/control';
import { SecretBox, silentLogger, waitUntil } from '@pgfleet/kit';
import type { SeededControl } from './seeded-control.ts';

const log = silentLogger();
const worker = { kick: () => undefined, preempt: () => undefined, onThrough: () => undefined };
const connectHost = () => {
  throw new Error('a fleet of rows has no hosts');
};

const installation: Installation = {
  regionIds: ['aws-us-east-2'],
  domain: 'localhost',
  pgPort: 7432,
  minSuspendTimeoutSeconds: 60,
  resolvableRegionIds: new Set(),
};

/** Creates projects, and sums up for each what its statements took, its commit included. */
export async function createsMs(control: SeededControl, runs: number): Promise<number[]> {
  let statementsMs = 0;
  const onStatement = ({ durationMs }: Statement) => void (statementsMs += durationMs);
  await using database = open(control, onStatement);
  const secrets = new SecretBox(randomBytes(32));
  const conflicts = new ConflictQueue();
  const parts = { db: database.db, worker, connectHost, log, secrets, conflicts };
  const api = createApi({ ...parts, installation });
  const create = async () => {
    statementsMs = 0;
    const { statusCode, body } = await api.inject({
      method: 'POST',
      url: '/api/v2/projects',
      headers: { authorization: `Bearer ${control.adminKey}` },
      payload: { project: { name: 'bench' } },
    });
    if (statusCode !== 201) throw new Error(body);
    return statementsMs;
  };
  try {
    await database.reportHosts();
    await create();
    const samples: number[] = [];
    for (let run = 0; run < runs; run++) samples.push(await create());
    return samples;
  } finally {
    await api.close();
  }
}

/** How long a worker's look for operations takes that may run now. */
export async function claimsMs(control: SeededControl, runs: number): Promise<number[]> {
  const samples: number[] = [];
  const onStatement = ({ text, durationMs }: Statement) => {
    if (text.includes('skip locked')) samples.push(durationMs);
  };
  await using database = open(control, onStatement);
  // What was created just now is not to run.
  await database.postponeAll();
  await using _worker = OperationWorker.open({
    db: database.db,
    actions,
    connectHost,
    log,
    pollMs: 10,
  });
  await waitUntil(() => samples.length > runs, { what: 'claims', timeoutMs: 120_000 });
  return samples.slice(1, runs + 1);
}

/** How long each of the chores takes that control does from time to time, while nothing is due. */
export async function choresMs(
  control: SeededControl,
  runs: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  await using database = open(control);
  const { signal } = new AbortController();
  const samples = new Map<string, number[]>();
  const context = { db: database.db, worker, connectHost, log };
  for (const chore of allChores(context, { drills: true })) {
    await chore.run(signal);
    const times: number[] = [];
    for (let turn = 0; turn < runs; turn++) {
      const start = performance.now();
      await chore.run(signal);
      times.push(performance.now() - start);
    }
    samples.set(chore.name, times);
  }
  return samples;
}

function open(control: SeededControl, onStatement?: (statement: Statement) => void) {
  const options = { url: control.url, maxConnections: 2, log };
  const db: Database = openDatabase({ ...options, ...(onStatement && { onStatement }) });
  return {
    db,
    /** One that is silent for long gets no projects. */
    reportHosts: () =>
      db
        .updateTable('hosts')
        .set({ reported_at: new Date(Date.now() + 3_600_000) })
        .execute(),
    postponeAll: () =>
      db
        .updateTable('operations')
        .set({ wake_at: new Date(Date.now() + 86_400_000) })
        .where('status', 'in', ['scheduling', 'running'])
        .execute(),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}
