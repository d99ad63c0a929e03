/**
 * From an endpoint's name to the host that has it, and what that host says about a login.
 *
 * The host is the authority. The few hosts that could have the endpoint are asked at once; control
 * only where they are many, or where none of them knows it: a new endpoint may be announced already.
 */
import {
  type ControlClient,
  type EndpointName,
  type HostClient,
  type HostId,
  type LoginResponse,
  PgfleetError,
} from '@pgfleet/contract';
import { retry, RpcUnreachableError } from '@pgfleet/kit';
import type { HostDirectory, KnownHost } from './host-directory.ts';
import type { RequestedEndpoint } from './requested-endpoint.ts';

export type Route = { readonly host: HostClient; readonly login: LoginResponse };

export type Question = RequestedEndpoint & {
  readonly role: string;
  readonly signal: AbortSignal;
};

/** A host that restarts is back within a second or two. */
const unreachable = {
  attempts: 12,
  baseMs: 20,
  capMs: 2_000,
  retryable: (error: unknown) => error instanceof RpcUnreachableError,
};

const controlTimeoutMs = 3_000;
const pendingWaitMs = 30_000;
/** Control has answered, but the host may hear of the endpoint a moment later. */
const settledWaitMs = 5_000;
const maxRemembered = 100_000;
const maxRoleLength = 252;
/** Asking more hosts than this costs them more than one question costs control. */
const maxAskedAtOnce = 8;
const nobody = '' as HostId;

type KnownHosts = Pick<HostDirectory, 'all' | 'byId' | 'inRegion' | 'refresh'>;

export class Router {
  readonly #directory: KnownHosts;
  readonly #control: Pick<ControlClient, 'route'>;
  readonly #remembered = new Map<EndpointName, HostId>();

  constructor(directory: KnownHosts, control: Pick<ControlClient, 'route'>) {
    this.#directory = directory;
    this.#control = control;
  }

  /** Throws a {@link PgfleetError} (`endpoint_not_found` above all) or {@link RpcUnreachableError}. */
  async login(question: Question): Promise<Route> {
    const likely = this.#likelyHosts(question);
    const [only] = likely;
    const route =
      likely.length === 1 && only
        ? await unlessNotFound(ask(only, question, 0))
        : await this.#askSeveral(likely, question);
    if (route) return route;
    this.#remembered.delete(question.name);
    return this.#askControl(question);
  }

  #likelyHosts({ name, regionId }: RequestedEndpoint): readonly KnownHost[] {
    const remembered = this.#directory.byId(this.#remembered.get(name) ?? nobody);
    if (remembered) return [remembered];
    return regionId ? this.#directory.inRegion(regionId) : this.#directory.all();
  }

  /** Without patience for hosts that are away: control knows whether the endpoint is theirs. */
  async #askSeveral(hosts: readonly KnownHost[], question: Question): Promise<Route | undefined> {
    if (hosts.length > maxAskedAtOnce) return undefined;
    const answers = hosts.map(async (host) => {
      const route = await askOnce(host, question, 0);
      this.#rememberHost(question.name, host);
      return route;
    });
    return await Promise.any(answers).catch(() => undefined);
  }

  async #askControl(question: Question): Promise<Route> {
    const { name, signal } = question;
    try {
      const route = await this.#control.route(name, { signal, timeoutMs: controlTimeoutMs });
      const host = await this.#host(route.hostId);
      return await this.#remember(host, question, route.pending ? pendingWaitMs : settledWaitMs);
    } catch (error) {
      if (!isControlDown(error)) throw error;
      return this.#askEverybody(question, error);
    }
  }

  async #host(hostId: HostId): Promise<KnownHost> {
    if (!this.#directory.byId(hostId)) await this.#directory.refresh();
    const host = this.#directory.byId(hostId);
    if (!host)
      throw new PgfleetError('unavailable', { cause: new Error(`unknown host ${hostId}`) });
    return host;
  }

  /** While control is down every host is asked, and only a host that has the endpoint is believed. */
  async #askEverybody(question: Question, cause: unknown): Promise<Route> {
    const answers = this.#directory.all().map((host) => this.#remember(host, question, 0));
    try {
      return await Promise.any(answers);
    } catch {
      throw new PgfleetError('unavailable', { cause });
    }
  }

  async #remember(host: KnownHost, question: Question, waitMs: number): Promise<Route> {
    const route = await ask(host, question, waitMs);
    this.#rememberHost(question.name, host);
    return route;
  }

  #rememberHost(name: EndpointName, { entry }: KnownHost): void {
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size >= maxRemembered && !oldest.done)
      this.#remembered.delete(oldest.value);
    this.#remembered.set(name, entry.hostId);
  }
}

async function ask(host: KnownHost, question: Question, waitForSpecMs: number): Promise<Route> {
  return await retry(() => askOnce(host, question, waitForSpecMs), {
    ...unreachable,
    signal: question.signal,
  });
}

async function askOnce(
  { client }: KnownHost,
  { name, role, signal }: Question,
  waitForSpecMs: number,
): Promise<Route> {
  const request = {
    role: role.slice(0, maxRoleLength),
    ...(waitForSpecMs ? { waitForSpecMs } : {}),
  };
  return { host: client, login: await client.login(name, request, { signal }) };
}

async function unlessNotFound(route: Promise<Route>): Promise<Route | undefined> {
  try {
    return await route;
  } catch (error) {
    if (error instanceof PgfleetError && error.code === 'endpoint_not_found') return undefined;
    throw error;
  }
}

function isControlDown(error: unknown): boolean {
  if (error instanceof RpcUnreachableError) return true;
  return error instanceof PgfleetError && error.code === 'unavailable';
}
