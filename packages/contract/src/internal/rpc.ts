import { isErrorCode, PgfleetError } from '../errors.ts';

/** One call between pgfleet's own processes: JSON over HTTP, authenticated by the transport. */
export interface RpcCall {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Sends a call and gives back status and parsed body; the kit's `RpcClient` is one. */
export interface RpcTransport {
  send(call: RpcCall): Promise<{ readonly status: number; readonly body: unknown }>;
}

/** The error body of the internal APIs: `code` is a code of the catalogue. */
export interface RpcErrorBody {
  readonly code: string;
  readonly message: string;
}

/**
 * Sends a call and returns its body.
 *
 * @throws PgfleetError with the peer's code and message when it answered with an error.
 */
export async function call<T>(transport: RpcTransport, request: RpcCall): Promise<T> {
  const { status, body } = await transport.send(request);
  if (status < 300) return body as T;
  throw peerError(status, body);
}

function peerError(status: number, body: unknown): PgfleetError {
  const { code, message } = (body ?? {}) as Partial<RpcErrorBody>;
  const known = code !== undefined && isErrorCode(code);
  if (!known) return new PgfleetError('internal', { cause: new Error(`peer answered ${status}`) });
  return new PgfleetError(code, message === undefined ? {} : { message });
}
