/**
 * Every answer that ends a connection, in the words that Neon's proxy uses, so that clients and
 * tools that know those words go on working. What a client must not know stays in `cause`.
 */
import { PgfleetError } from '@pgfleet/contract';
import { RpcUnreachableError, TimeoutError } from '@pgfleet/kit';
import { backend, type ErrorFields, ProtocolError } from '@pgfleet/pgwire';
import { HangUpError } from './socket-reader.ts';

/** A connection is turned away; `message` is for the client. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly fields: ErrorFields;

  constructor(message: string, { cause, ...fields }: RefusalOptions = {}) {
    super(message, { cause });
    this.fields = {
      severity: 'ERROR',
      severityNonLocalized: 'ERROR',
      sqlstate: 'XX000',
      ...fields,
    };
  }

  /** The `ErrorResponse` that says so. */
  get frame(): Buffer {
    return backend.errorResponse.encode({ ...this.fields, message: this.message });
  }
}

type RefusalOptions = ErrorFields & { readonly cause?: unknown };

const fatal = { severity: 'FATAL', severityNonLocalized: 'FATAL' } as const;
const invalidParameter = { ...fatal, sqlstate: '22023' } as const;

/** The answers by what they mean; texts are Neon's where Neon has one, Postgres' otherwise. */
export const refusals = {
  insecure: () => new Refusal('connection is insecure (try using `sslmode=require`)'),
  missingEndpoint: () =>
    new Refusal(
      'Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) ' +
        'for SNI support or pass the endpoint ID (first part of the domain name) as a parameter: ' +
        "'?options=endpoint%3D<endpoint-id>'. See more at https://neon.tech/sni",
    ),
  inconsistentEndpoint: (sni: string, option: string) =>
    new Refusal(
      `Inconsistent project name inferred from SNI ('${sni}') and project option ('${option}').`,
    ),
  endpointNotFound: () =>
    new Refusal('Control plane request failed: endpoint cannot be found', {
      hint: 'Check the endpoint ID: it may have been deleted.',
    }),
  endpointDisabled: () => new Refusal('Control plane request failed: endpoint is disabled'),
  branchUnmasked: () => toRefusal(new PgfleetError('branch_unmasked')),
  addressNotAllowed: (address: string) =>
    new Refusal(
      `This IP address ${address} is not allowed to connect to this endpoint. Please add it to ` +
        'the allowed list in the Neon console. Make sure to check for IPv4 or IPv6 addresses.',
    ),
  blockedNetwork: () =>
    new Refusal('This connection is trying to access this endpoint from a blocked network.'),
  passwordFailed: (user: string) =>
    new Refusal(`password authentication failed for user '${user}'`, { sqlstate: '28P01' }),
  missingUser: () =>
    new Refusal('no PostgreSQL user name specified in startup packet', { sqlstate: '28000' }),
  invalidTimestamp: () =>
    new Refusal('neon_timestamp is not a time', {
      ...invalidParameter,
      hint: 'Write it like neon_timestamp:2024-01-31T12:00:00Z.',
    }),
  invalidLsn: () =>
    new Refusal('neon_lsn is not a log sequence number', {
      ...invalidParameter,
      hint: 'Write it like neon_lsn:0/16F9A00.',
    }),
  severalPoints: () =>
    new Refusal('the options name more than one point in time', {
      ...invalidParameter,
      hint: 'Use either neon_timestamp or neon_lsn, and only once.',
    }),
  tooManyConnections: () =>
    new Refusal('Too many connections to this endpoint. Please try again later.', {
      ...fatal,
      sqlstate: '53300',
    }),
  authenticationTimeout: () =>
    new Refusal('canceling authentication due to timeout', { ...fatal, sqlstate: '57014' }),
  shuttingDown: () =>
    new Refusal('terminating connection due to administrator command', {
      ...fatal,
      sqlstate: '57P01',
    }),
} as const;

/** Translates whatever ended a login into what its client is told; `undefined`: nobody listens. */
export function toRefusal(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (error instanceof HangUpError) return undefined;
  if (error instanceof TimeoutError) return refusals.authenticationTimeout();
  if (error instanceof ProtocolError) {
    return new Refusal(error.message, { ...fatal, sqlstate: error.sqlstate, cause: error });
  }
  if (error instanceof RpcUnreachableError) return unavailable(error);
  if (error instanceof PgfleetError) return fromCatalogue(error);
  return new Refusal('internal error', { cause: error });
}

/** `error`: a person must look; `warn`: a part is down; `info`: it was the client's doing. */
export function severityOf(error: unknown): 'info' | 'warn' | 'error' {
  if (error instanceof RpcUnreachableError) return 'warn';
  if (error instanceof PgfleetError) return severityByKind[error.entry.kind];
  const byClient = [Refusal, HangUpError, TimeoutError, ProtocolError];
  return byClient.some((kind) => error instanceof kind) ? 'info' : 'error';
}

const severityByKind = {
  user: 'info',
  denied: 'info',
  conflict: 'info',
  unavailable: 'warn',
  internal: 'error',
} as const;

function fromCatalogue(error: PgfleetError): Refusal {
  if (error.code === 'endpoint_not_found') return refusals.endpointNotFound();
  if (error.code === 'endpoint_disabled') return refusals.endpointDisabled();
  if (error.code === 'point_not_available') return pointNotAvailable(error);
  const { sqlstate, retryable } = error.entry;
  const hint = retryable ? { hint: 'Connect again in a moment.' } : {};
  return new Refusal(error.message, { sqlstate, ...hint, cause: error });
}

/** The host says in its message which points are available. */
function pointNotAvailable(error: PgfleetError): Refusal {
  return new Refusal(error.message, {
    ...fatal,
    sqlstate: error.entry.sqlstate,
    hint: 'How far back history reaches is set by history_retention_seconds of the project.',
    cause: error,
  });
}

function unavailable(cause: Error): Refusal {
  return new Refusal(
    'Control plane request failed: endpoint is temporarily unavailable. ' +
      'Check your quotas and/or contact our support.',
    { sqlstate: '57P03', hint: 'Connect again in a moment.', cause },
  );
}
