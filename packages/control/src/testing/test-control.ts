import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newOrganizationId } from '@pgfleet/contract';
import type {
  CreatedProject,
  EndpointStatus,
  MemberRole,
  Operation,
  Organization,
  OrganizationId,
  UserId,
} from '@pgfleet/contract';
import { hashToken, SecretBox, silentLogger, waitUntil } from '@pgfleet/kit';
import type { FastifyInstance, InjectOptions, RouteOptions } from 'fastify';
import { ConflictQueue } from '../api/conflict-queue.ts';
import type { RateLimits } from '../api/rate-limiter.ts';
import { createApi } from '../api/server.ts';
import { bootstrap } from '../bootstrap.ts';
import { newApiKey } from '../domain/api-key.ts';
import type { Installation } from '../domain/installation.ts';
import { createInternalApi } from '../internal-api/server.ts';
import { actions } from '../operations/actions.ts';
import { OperationWorker } from '../operations/operation-worker.ts';
import { insertOrganization, insertUser } from '../store/accounts.ts';
import { insertApiKey } from '../store/api-keys.ts';
import type { Database, Statement } from '../store/database.ts';
import { saveHost } from '../store/hosts.ts';
import { Sweeper } from '../sweeper.ts';
import { FakeHost } from './fake-host.ts';
import type { TestDatabase, TestPostgres } from './test-postgres.ts';
import { watchAnswers } from './watch-answers.ts';

export interface Response<T> {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: T;
}

export interface TestControlOptions {
  /** Whether a host of the region is known from the start. */
  readonly hasHost?: boolean;
  /** Whether operations run. */
  readonly works?: boolean;
  /** How often operations are looked for when nobody says that there is one; 50 when left out. */
  readonly pollMs?: number;
  /** How long a change waits for its turn; as in operation when left out. */
  readonly patienceMs?: number;
  /** None when left out. */
  readonly rateLimits?: RateLimits;
  /** Hears of every statement. */
  readonly onStatement?: (statement: Statement) => void;
}

/** A user, an organization of which that is the admin, and a key of the user. */
export interface TestAccount {
  readonly key: string;
  readonly userId: UserId;
  readonly organizationId: OrganizationId;
  readonly email: string;
}

/** Headers of a request with another key than the admin's. */
export function withKey(key: string) {
  return { headers: { authorization: `Bearer ${key}` } };
}

/** A whole control in this process, on a database of its own, with a host in memory. */
export class TestControl implements AsyncDisposable {
  readonly api: FastifyInstance;
  readonly internalApi: FastifyInstance;
  /** What the API consists of, without what asks for no key. */
  readonly routes: RouteOptions[] = [];
  readonly worker: OperationWorker | undefined;
  readonly host = new FakeHost();
  readonly database: TestDatabase;
  readonly adminKey: string;
  readonly #directory: string;
  #reports: Sweeper | undefined;

  static async open(
    postgres: TestPostgres,
    { hasHost = true, works = true, pollMs = 50, onStatement, ...more }: TestControlOptions = {},
  ): Promise<TestControl> {
    const database = await postgres.createDatabase(onStatement && { onStatement });
    const directory = mkdtempSync(join(tmpdir(), 'pgfleet-control-'));
    const keyFile = join(directory, 'admin.key');
    await bootstrap({ db: database.db, keyFile, log: silentLogger() });
    const control = new TestControl(database, { directory, keyFile, works, pollMs, ...more });
    if (hasHost) {
      await saveHost(database.db, control.host.report());
      control.#startReports();
    }
    await control.api.ready();
    return control;
  }

  private constructor(
    database: TestDatabase,
    options: Required<Pick<TestControlOptions, 'works' | 'pollMs'>> &
      Pick<TestControlOptions, 'patienceMs' | 'rateLimits'> & {
        readonly directory: string;
        readonly keyFile: string;
      },
  ) {
    const log = silentLogger();
    const { db } = database;
    const noWorker = {
      kick: () => undefined,
      preempt: () => undefined,
      onThrough: () => undefined,
    };
    this.database = database;
    this.#directory = options.directory;
    this.adminKey = readFileSync(options.keyFile, 'utf8').trim();
    this.worker = options.works ? this.openWorker({ pollMs: options.pollMs }) : undefined;
    const worker = this.worker ?? noWorker;
    const secrets = new SecretBox(randomBytes(32));
    const connectHost = () => this.host.client();
    const conflicts = new ConflictQueue(options.patienceMs);
    const parts = { db, worker, connectHost, log };
    const { rateLimits } = options;
    const limits = rateLimits ? { rateLimits } : {};
    this.api = createApi({ ...parts, ...limits, secrets, installation, conflicts });
    this.api.addHook('onRoute', (route) => void this.routes.push(route));
    watchAnswers(this.api);
    this.internalApi = createInternalApi({ db, worker, token: 'internal', log });
  }

  get db(): Database {
    return this.database.db;
  }

  // As hosts do: one that is silent for half a minute gets no projects.
  #startReports(): void {
    const run = () => this.report();
    this.#reports = new Sweeper([{ name: 'reports', everyMs: 1_000, run }], silentLogger());
  }

  /** Lets the host report, what it says of endpoints included. */
  async report(...endpoints: readonly EndpointStatus[]): Promise<void> {
    const { statusCode, body } = await this.internalApi.inject({
      method: 'POST',
      url: `/internal/v1/hosts/${this.host.id}/report`,
      headers: { authorization: 'Bearer internal' },
      payload: this.host.report(...endpoints),
    });
    if (statusCode !== 204) throw new Error(`a report was answered with ${statusCode}: ${body}`);
  }

  /** Lets the host fall silent. */
  async stopReports(): Promise<void> {
    await this.#reports?.[Symbol.asyncDispose]();
    this.#reports = undefined;
  }

  openWorker({
    leaseSeconds = 6,
    pollMs = 50,
    patienceMs = 600_000,
    log = silentLogger(),
  } = {}): OperationWorker {
    return OperationWorker.open({
      db: this.database.db,
      actions,
      connectHost: () => this.host.client(),
      log,
      pollMs,
      leaseSeconds,
      patienceMs,
    });
  }

  /** Sends a request to the public API as the admin, unless `headers` say otherwise. */
  async call<T = unknown>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    more: InjectOptions = {},
  ): Promise<Response<T>> {
    const response = await this.api.inject({
      method,
      url: `/api/v2${path}`,
      ...more,
      headers: { authorization: `Bearer ${this.adminKey}`, ...more.headers },
    });
    const { statusCode: status, headers } = response;
    const body = (response.body === '' ? undefined : JSON.parse(response.body)) as T;
    return { status, headers, body };
  }

  async createProject(project: object = {}): Promise<CreatedProject> {
    const { status, body } = await this.call<CreatedProject>('POST', '/projects', {
      payload: { project },
    });
    if (status !== 201) throw new Error(`create answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** Waits until every operation of a project is over, and returns them, newest first. */
  async settled(projectId: string): Promise<readonly Operation[]> {
    return waitUntil(
      async () => {
        const { body } = await this.call<{ operations: Operation[] }>(
          'GET',
          `/projects/${projectId}/operations`,
        );
        const { operations } = body;
        return operations.every(isOver) ? operations : undefined;
      },
      { what: 'operations to end', timeoutMs: 10_000 },
    );
  }

  /** Makes another organization with a user as its admin, and returns an API key of that user. */
  async createStranger(): Promise<string> {
    const { key } = await this.createAccount();
    return key;
  }

  /** Makes an organization with a user as its admin. */
  async createAccount(): Promise<TestAccount> {
    const userId = randomUUID() as UserId;
    const key = newApiKey();
    const organizationId = newOrganizationId();
    const email = `${userId}@example.com`;
    await insertUser(this.db, { id: userId, name: 'stranger', email });
    await insertOrganization(this.db, { id: organizationId, name: 'strangers', adminId: userId });
    await insertApiKey(this.db, { userId, name: 'stranger', keyHash: hashToken(key) });
    return { key, userId, organizationId, email };
  }

  /** Makes a user of another organization a member of the admin's, too. */
  async createMember(role: MemberRole): Promise<TestAccount> {
    const account = await this.createAccount();
    const organizationId = await this.organizationId();
    await this.db
      .insertInto('organization_members')
      .values({ user_id: account.userId, organization_id: organizationId, role })
      .execute();
    return account;
  }

  /** The organization of the admin. */
  async organizationId(): Promise<OrganizationId> {
    const { body } = await this.call<{ organizations: Organization[] }>(
      'GET',
      '/users/me/organizations',
    );
    const [organization] = body.organizations;
    if (!organization) throw new Error('the admin has no organization');
    return organization.id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopReports();
    await this.worker?.[Symbol.asyncDispose]();
    await this.api.close();
    await this.internalApi.close();
    await this.db.destroy();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function isOver({ status }: Operation): boolean {
  return !['scheduling', 'running', 'cancelling'].includes(status);
}

export const installation: Installation = {
  regionIds: ['aws-us-east-2', 'aws-eu-central-1'],
  domain: 'localhost',
  pgPort: 7432,
  minSuspendTimeoutSeconds: 60,
  resolvableRegionIds: new Set(),
};
