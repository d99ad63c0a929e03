import { Client, Pool } from 'undici';
import type { Dispatcher } from 'undici';

export interface RpcRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface RpcResponse {
  readonly status: number;
  readonly body: unknown;
}

/** Thrown when a peer cannot be reached, answers too late, or answers with something unreadable. */
export class RpcUnreachableError extends Error {
  override readonly name = 'RpcUnreachableError';
}

const MAX_CONNECTIONS = 64;
const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;

/**
 * JSON over HTTP/1.1 between pgfleet's own processes, authenticated by a bearer token.
 *
 * An address is `unix:/path/to.sock` or `http://host:port`. Connections are kept alive and pooled.
 */
export class RpcClient implements AsyncDisposable {
  readonly address: string;
  readonly #pool: Pool;
  readonly #authorization: string;

  constructor(address: string, token: string) {
    this.address = address;
    this.#authorization = `Bearer ${token}`;
    const socketPath = address.startsWith('unix:') ? address.slice('unix:'.length) : undefined;
    this.#pool = new Pool(socketPath ? 'http://localhost' : address, {
      connections: MAX_CONNECTIONS,
      maxResponseSize: MAX_RESPONSE_BYTES,
      // Undici measures these in coarse ticks; the exact deadline is the signal in `send`.
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(socketPath ? { connect: { socketPath } } : {}),
      factory: (origin, options) => new Client(origin, options),
    });
  }

  /** @throws RpcUnreachableError; the caller's abort reason when its signal aborts. */
  async send(request: RpcRequest): Promise<RpcResponse> {
    const timeout = AbortSignal.timeout(request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    try {
      const response = await this.#pool.request(this.#options(request, signal));
      const text = await response.body.text();
      return { status: response.statusCode, body: text === '' ? undefined : JSON.parse(text) };
    } catch (error) {
      request.signal?.throwIfAborted();
      const why = timeout.aborted ? 'did not answer in time' : 'could not be reached';
      throw new RpcUnreachableError(`${this.address} ${why}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }

  #options(request: RpcRequest, signal: AbortSignal): Dispatcher.RequestOptions {
    const hasBody = request.body !== undefined;
    return {
      method: request.method,
      path: request.path,
      signal,
      headers: {
        authorization: this.#authorization,
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
      },
      ...(hasBody ? { body: JSON.stringify(request.body) } : {}),
    };
  }
}
