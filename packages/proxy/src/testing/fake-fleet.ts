import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  type ActivityReport,
  type ActivityRequest,
  type EndpointId,
  errorCatalogue,
  type HostId,
  type LoginRequest,
  type LoginResponse,
  PgfleetError,
  type ProjectId,
  type TimeTravelRequest,
  type TimeTravelResponse,
} from '@pgfleet/contract';

/** One endpoint of the fake host. */
export type FakeEndpoint = {
  readonly verifiers: Record<string, string>;
  /** Where the compute listens; null while it sleeps. */
  socketPath: string | null;
  allowedIps?: string[];
  blockPublicConnections?: boolean;
  blockPrivateConnections?: boolean;
  disabled?: boolean;
  branchId?: string;
  /** Shows the branch as it was. */
  timeTravel?: (request: TimeTravelRequest) => Promise<TimeTravelResponse>;
  /** Wakes the compute; the result is its socket. */
  start: () => Promise<string>;
};

/**
 * The internal APIs of control and of one host, spoken over a unix socket each, in front of
 * whatever Postgres a test gives them.
 */
export class FakeFleet implements AsyncDisposable {
  readonly token = 'test-token';
  readonly regionId = 'aws-us-east-2';
  readonly endpoints = new Map<string, FakeEndpoint>();
  /** Endpoints that control knows, for those the host does not have (yet). */
  readonly announced = new Map<string, { readonly pending: boolean }>();
  readonly reports: ActivityReport[] = [];
  starts = 0;
  readonly journeys: TimeTravelRequest[] = [];
  readonly #directory: string;
  readonly #servers = new Map<string, Server>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(directory: string): Promise<FakeFleet> {
    const fleet = new FakeFleet(directory);
    await fleet.startControl();
    await fleet.startHost();
    return fleet;
  }

  get controlAddress(): string {
    return this.#address('control');
  }

  async startControl(): Promise<void> {
    await this.#listen('control', (path) => Promise.resolve(this.#control(path)));
  }

  async startHost(): Promise<void> {
    await this.#listen('host', (path, body) => this.#host(path, body));
  }

  stopControl(): Promise<void> {
    return this.#close('control');
  }

  stopHost(): Promise<void> {
    return this.#close('host');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(['control', 'host'].map((name) => this.#close(name)));
  }

  /** What the host was told in total of an endpoint's bytes and, last, of its connections. */
  activityOf(endpointId: string): ActivityReport | undefined {
    const own = this.reports.filter((report) => report.endpointId === endpointId);
    const sum = (key: 'bytesIn' | 'bytesOut') => own.reduce((total, one) => total + one[key], 0);
    const last = own.at(-1);
    return last && { ...last, bytesIn: sum('bytesIn'), bytesOut: sum('bytesOut') };
  }

  #control(path: string): unknown {
    const hostId = 'host-1' as HostId;
    const { regionId } = this;
    if (path === '/internal/v1/hosts') {
      return { hosts: [{ hostId, regionId, address: this.#address('host') }] };
    }
    const endpointId = /^\/internal\/v1\/endpoints\/([^/]+)\/route$/.exec(path)?.[1] ?? '';
    const announced = this.announced.get(endpointId);
    if (!announced) throw new PgfleetError('endpoint_not_found');
    return { hostId, regionId, ...announced };
  }

  async #host(path: string, body: unknown): Promise<unknown> {
    if (path === '/v1/activity') return this.reports.push(...(body as ActivityRequest).endpoints);
    if (path === '/v1/time-travel') return this.#timeTravel(body as TimeTravelRequest);
    const [, endpointId = '', verb = ''] = /^\/v1\/endpoints\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    if (verb === 'login') return this.#login(endpointId, body as LoginRequest);
    this.starts += 1;
    const endpoint = this.#endpoint(endpointId);
    endpoint.socketPath = await endpoint.start();
    return { socketPath: endpoint.socketPath, started: true };
  }

  async #login(name: string, request: LoginRequest): Promise<LoginResponse> {
    const end = performance.now() + (request.waitForSpecMs ?? 0);
    while (!this.#find(name) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const [endpointId, endpoint] = this.#find(name) ?? [];
    if (!endpointId || !endpoint) throw new PgfleetError('endpoint_not_found');
    return {
      endpointId: endpointId as EndpointId,
      projectId: 'project' as ProjectId,
      verifier: endpoint.verifiers[request.role] ?? null,
      allowedIps: endpoint.allowedIps ?? [],
      blockPublicConnections: endpoint.blockPublicConnections ?? false,
      blockPrivateConnections: endpoint.blockPrivateConnections ?? false,
      disabled: endpoint.disabled ?? false,
      socketPath: endpoint.socketPath,
    };
  }

  async #timeTravel(request: TimeTravelRequest): Promise<TimeTravelResponse> {
    this.journeys.push(request);
    const { timeTravel } = this.#endpoint(request.endpointId);
    if (!timeTravel) throw new PgfleetError('point_not_available');
    return await timeTravel(request);
  }

  /** A branch id stands for the endpoint of the branch. */
  #find(name: string): readonly [string, FakeEndpoint] | undefined {
    return [...this.endpoints].find(([id, { branchId }]) => id === name || branchId === name);
  }

  #endpoint(endpointId: string): FakeEndpoint {
    const endpoint = this.endpoints.get(endpointId);
    if (!endpoint) throw new PgfleetError('endpoint_not_found');
    return endpoint;
  }

  #address(name: string): string {
    return `unix:${join(this.#directory, `${name}.sock`)}`;
  }

  async #listen(name: string, answer: Answer): Promise<void> {
    const server = createServer((request, response) => {
      void serve(request, response, { answer, token: this.token });
    });
    await new Promise<void>((resolve) => {
      server.listen(this.#address(name).slice('unix:'.length), resolve);
    });
    this.#servers.set(name, server);
  }

  async #close(name: string): Promise<void> {
    const server = this.#servers.get(name);
    if (!server) return;
    this.#servers.delete(name);
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
}

type Answer = (path: string, body: unknown) => Promise<unknown>;

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { answer, token }: { readonly answer: Answer; readonly token: string },
): Promise<void> {
  try {
    const body = await text(request);
    if (request.headers.authorization !== `Bearer ${token}`) throw new PgfleetError('forbidden');
    const result = await answer(request.url ?? '', body === '' ? undefined : JSON.parse(body));
    response.end(JSON.stringify(result ?? {}));
  } catch (error) {
    const code = error instanceof PgfleetError ? error.code : 'internal';
    response.statusCode = errorCatalogue[code].http;
    response.end(JSON.stringify({ code, message: (error as Error).message }));
  }
}
