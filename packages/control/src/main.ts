import { readFileSync } from 'node:fs';
import {
  announceReady,
  createLogger,
  parseMasterKey,
  readConfig,
  runProcess,
  SecretBox,
} from '@pgfleet/kit';
import { ConflictQueue } from './api/conflict-queue.ts';
import { createApi } from './api/server.ts';
import { bootstrap } from './bootstrap.ts';
import { allChores } from './chores/all-chores.ts';
import { ControlConfig, masterKeyText, rateLimitsOf } from './config.ts';
import type { Installation } from './domain/installation.ts';
import { createInternalApi } from './internal-api/server.ts';
import { listenAt } from './listen.ts';
import type { HostConnector } from './operations/action.ts';
import { actions } from './operations/actions.ts';
import { HostConnections } from './operations/host-connections.ts';
import { OperationWorker } from './operations/operation-worker.ts';
import { findResolvableRegions } from './resolvable-regions.ts';
import { openDatabase } from './store/database.ts';
import type { Database } from './store/database.ts';
import { migrate } from './store/migrate.ts';
import { Sweeper } from './sweeper.ts';

const config = readConfig(ControlConfig, process.env);
const log = createLogger({ process: 'control', level: config.PGFLEET_LOG_LEVEL });

await runProcess(log, async (shutdown) => {
  const installation = await describeInstallation();
  const secrets = new SecretBox(parseMasterKey(masterKeyText(config)));
  const token = readFileSync(config.PGFLEET_INTERNAL_TOKEN_FILE, 'utf8').trim();
  const url = config.PGFLEET_DATABASE_URL;
  const db = openDatabase({ url, maxConnections: 12, log });
  const queue = openDatabase({ url, maxConnections: 8, log, isDurable: false });
  shutdown.add({ name: 'database', limitMs: 3_000, run: () => closeAll(db, queue) });

  await migrate(db);
  await bootstrap({ db, keyFile: config.PGFLEET_ADMIN_KEY_FILE, log });

  const hosts = new HostConnections(token);
  const connectHost: HostConnector = (to) => hosts.connect(to);
  const worker = OperationWorker.open({ db: queue, actions, connectHost, log });
  shutdown.add({ name: 'hosts', limitMs: 1_000, run: () => hosts[Symbol.asyncDispose]() });
  shutdown.add({ name: 'operations', limitMs: 5_000, run: () => worker[Symbol.asyncDispose]() });
  const parts = { db, worker, connectHost, log };
  const chores = allChores(parts, { drills: config.PGFLEET_RESTORE_DRILLS === 'on' });
  const sweeper = new Sweeper(chores, log);
  shutdown.add({ name: 'sweeper', limitMs: 3_000, run: () => sweeper[Symbol.asyncDispose]() });

  const internalApi = createInternalApi({ db, worker, token, log });
  await listenAt(internalApi, config.PGFLEET_CONTROL_ADDRESS);
  shutdown.add({ name: 'internal api', limitMs: 3_000, run: () => internalApi.close() });

  const conflicts = new ConflictQueue();
  const rateLimits = rateLimitsOf(config);
  const api = createApi({ ...parts, secrets, installation, conflicts, rateLimits });
  const listener = { host: config.PGFLEET_API_ADDRESS, port: config.PGFLEET_API_PORT };
  const address = await api.listen(listener);
  shutdown.add({ name: 'api', limitMs: 5_000, run: () => api.close() });
  log.info({ address }, 'control is ready');
  announceReady();
});

async function describeInstallation(): Promise<Installation> {
  const regionIds = config.PGFLEET_REGIONS.split(',');
  const domain = config.PGFLEET_DOMAIN;
  return {
    regionIds,
    domain,
    pgPort: config.PGFLEET_PG_PORT,
    minSuspendTimeoutSeconds: config.PGFLEET_MIN_SUSPEND_TIMEOUT_SECONDS,
    resolvableRegionIds: await findResolvableRegions({ regionIds, domain }),
    ...(config.PGFLEET_CA_FILE ? { caFile: config.PGFLEET_CA_FILE } : {}),
  };
}

async function closeAll(...databases: readonly Database[]): Promise<void> {
  await Promise.all(databases.map((database) => database.destroy()));
}
