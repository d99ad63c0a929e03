import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createHostClient,
  newBranchId,
  newEndpointId,
  newProjectId,
  newTimelineId,
} from '@pgfleet/contract';
import type {
  EndpointSpec,
  HostClient,
  HostId,
  PointInTime,
  TimelineId,
  TimelineSpec,
} from '@pgfleet/contract';
import { createLogger, RpcClient, SecretBox, Shutdown } from '@pgfleet/kit';
import { Client } from 'pg';
import type { HostOptions } from './host-options.ts';
import { openHost } from './host.ts';
import type { TimelineRecord } from './timelines/timeline-record.ts';

export const testToken = 'a token for tests';
export const testPassword = 'a password for tests';
export const masterKey = Buffer.alloc(32, 7);
const region = 'aws-us-east-2';

/** A directory for one test host; removed in the end. */
export async function testDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'pgfleet-host-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** Options of a host below a directory. */
export function testOptions(directory: string): HostOptions {
  return {
    hostId: 'host-test' as HostId,
    regionId: region,
    hostDir: join(directory, 'host'),
    runDir: join(directory, 'run'),
    address: `unix:${join(directory, 'host.sock')}`,
    token: testToken,
    secrets: new SecretBox(masterKey),
    uidFile: join(directory, 'uids.json'),
    volume: 'copy',
    spareClones: 1,
    log: createLogger({ process: 'host', level: logLevel() }),
  };
}

function logLevel() {
  return process.env['PGFLEET_TEST_LOG'] === 'debug' ? 'debug' : 'silent';
}

/** A client of the host that serves below a directory. */
export function testClient(directory: string): AsyncDisposable & { readonly host: HostClient } {
  const rpc = new RpcClient(`unix:${join(directory, 'host.sock')}`, testToken);
  return { host: createHostClient(rpc), [Symbol.asyncDispose]: () => rpc[Symbol.asyncDispose]() };
}

/** A host in this process, and a client that talks to it over its socket. */
export async function openTestHost(
  directory: string,
  overrides: Partial<HostOptions> = {},
): Promise<AsyncDisposable & { readonly host: HostClient }> {
  const options = { ...testOptions(directory), ...overrides };
  const shutdown = new Shutdown(options.log);
  try {
    await openHost(options, shutdown);
  } catch (error) {
    await shutdown.run();
    throw error;
  }
  const client = testClient(directory);
  return {
    host: client.host,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      if (!(await shutdown.run())) throw new Error('the host did not stop cleanly');
    },
  };
}

/** Specifications of a new project: one timeline, one endpoint that never sleeps by itself. */
export function newTenant(change: Partial<EndpointSpec> = {}): {
  readonly timeline: TimelineSpec;
  readonly endpoint: EndpointSpec;
} {
  const ids = {
    projectId: newProjectId(),
    branchId: newBranchId(region),
    timelineId: newTimelineId(),
  };
  const verifier = scramVerifier(testPassword);
  return {
    timeline: {
      ...ids,
      pgMajor: 17,
      source: { kind: 'template' },
      historyRetentionSeconds: 86_400,
      initial: {
        roles: [{ name: 'neondb_owner', verifier }],
        databases: [{ name: 'neondb', ownerName: 'neondb_owner' }],
      },
    },
    endpoint: {
      ...ids,
      endpointId: newEndpointId(region),
      type: 'read_write',
      minCu: 0.25,
      maxCu: 0.25,
      suspendTimeoutSeconds: -1,
      allowedIps: [],
      blockPublicConnections: false,
      disabled: false,
      pgSettings: {},
      generation: 1,
      ...change,
    },
  };
}

/** Creates a tenant on a host and starts its compute. */
export async function startTenant(host: HostClient, change: Partial<EndpointSpec> = {}) {
  const tenant = newTenant(change);
  await host.putTimeline(tenant.timeline);
  await host.putEndpoint(tenant.endpoint);
  const { socketPath } = await host.start(tenant.endpoint.endpointId);
  return { ...tenant, endpointId: tenant.endpoint.endpointId, socketPath };
}

interface TestLogin {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
}

/** Logs in as the tenant's role, the way a proxy would. */
export async function connect(
  socketPath: string,
  { user = 'neondb_owner', password = testPassword, database = 'neondb' }: TestLogin = {},
): Promise<AsyncDisposable & { readonly client: Client }> {
  const host = socketPath.replace(/\/\.s\.PGSQL\.5432$/, '');
  const client = new Client({ host, user, password, database });
  // A compute that is stopped or killed ends its connections, which is what some tests are about.
  client.on('error', () => undefined);
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end().catch(() => undefined) };
}

/** Runs one statement on a connection of its own and returns its first value. */
export async function queryValue(
  socketPath: string,
  sql: string,
  login: TestLogin = {},
): Promise<unknown> {
  await using connection = await connect(socketPath, login);
  const { rows } = await connection.client.query<unknown[]>({ text: sql, rowMode: 'array' });
  return rows[0]?.[0];
}

/** What a cluster's own clock says, with microseconds. */
export async function presentOf({
  socketPath,
}: {
  readonly socketPath: string;
}): Promise<PointInTime & { readonly kind: 'time' }> {
  const sql = `SELECT to_char(clock_timestamp() AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  return { kind: 'time', at: String(await queryValue(socketPath, sql)) };
}

/** The secret of `cloud_admin` in a timeline of a host that was opened below a directory. */
export function adminSecret(directory: string, timelineId: TimelineId): string {
  const path = join(directory, 'host', 'timelines', `${timelineId}.json`);
  const { sealedSecret } = JSON.parse(readFileSync(path, 'utf8')) as TimelineRecord;
  return new SecretBox(masterKey).open(sealedSecret, `timeline ${timelineId}`);
}

/** A SCRAM-SHA-256 verifier as `pg_authid` holds it (RFC 5803). */
export function scramVerifier(password: string): string {
  const iterations = 4096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

/** Ids of the processes that hold a lock file open. */
function lockHolders(lockPath: string): readonly number[] {
  const holders: number[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (openFiles(pid).includes(lockPath)) holders.push(Number(pid));
  }
  return holders;
}

/** Ids of the postmasters on a timeline: those of its Postgres processes that no other one forked. */
export function postmasters(directory: string, timelineId: string): readonly number[] {
  const holders = serverProcesses(directory, timelineId);
  return holders.filter(
    (pid) => !holders.includes(Number(processField(pid, 'PPid'))) && !isBackend(pid),
  );
}

/** Ids of all Postgres processes on a timeline. */
export function serverProcesses(directory: string, timelineId: string): readonly number[] {
  const lock = join(directory, 'host', 'locks', `${timelineId}.lock`);
  return lockHolders(lock).filter((pid) => processField(pid, 'Name') === 'postgres');
}

// Backends outlive a postmaster that is killed by a moment, and have no command line at their end.
function isBackend(pid: number): boolean {
  const commandLine = readProcess(pid, 'cmdline') ?? '';
  return commandLine === '' || commandLine.startsWith('postgres: ');
}

function openFiles(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkTarget(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function processField(pid: number, field: string): string | undefined {
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readProcess(pid, 'status') ?? '')?.[1];
}

function readProcess(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}
