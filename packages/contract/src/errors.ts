/**
 * What an error means to whoever counts or handles it:
 * `user` (the request is wrong), `denied` (not allowed), `conflict` (not now, the state forbids it),
 * `unavailable` (try again), `internal` (a defect or a broken part, a person must look).
 */
export type ErrorKind = 'user' | 'denied' | 'conflict' | 'unavailable' | 'internal';

export interface ErrorEntry {
  readonly http: number;
  /** SQLSTATE for clients of the Postgres protocol. */
  readonly sqlstate: string;
  readonly kind: ErrorKind;
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
  /** What a client sees when the error carries no message of its own. */
  readonly title: string;
  /** The `code` of the contract's error body: most of Neon's errors leave it empty. */
  readonly wireCode?: string;
}

const entry = (
  http: number,
  sqlstate: string,
  rest: Omit<ErrorEntry, 'http' | 'sqlstate'>,
): ErrorEntry => ({ http, sqlstate, ...rest });

const user = (http: number, title: string, wireCode?: string): ErrorEntry =>
  entry(http, 'XX000', {
    kind: 'user',
    retryable: false,
    title,
    ...(wireCode ? { wireCode } : {}),
  });

/** Every error that leaves pgfleet, by the code that the program uses. */
export const errorCatalogue = {
  invalid_request: user(400, 'invalid request'),
  body_too_large: user(413, 'request body is too large'),
  unsupported_media_type: user(415, 'request body must be application/json'),
  unauthenticated: entry(401, '28000', {
    kind: 'denied',
    retryable: false,
    title: 'supplied credentials do not pass authentication',
  }),
  forbidden: entry(403, '42501', { kind: 'denied', retryable: false, title: 'not allowed' }),
  not_for_organization_keys: user(404, 'not allowed for organization API keys'),
  outside_key_scope: user(
    404,
    'not allowed to perform actions outside the project this key is scoped to',
  ),
  not_found: user(404, 'this route does not exist'),
  method_not_allowed: user(405, 'method not allowed'),
  project_not_found: user(404, 'project not found'),
  branch_not_found: user(404, 'branch not found'),
  endpoint_not_found: user(404, 'endpoint not found'),
  timeline_not_found: user(404, 'timeline not found'),
  operation_not_found: user(404, 'operation not found'),
  role_not_found: user(404, 'role not found'),
  database_not_found: user(404, 'database not found'),
  api_key_not_found: user(404, 'api key not found'),
  organization_not_found: user(404, 'organization not found'),
  member_not_found: user(404, 'organization member not found'),
  permission_not_found: user(404, 'project permission not found'),
  transfer_request_not_found: user(404, 'project transfer request not found'),
  jwks_not_found: user(404, 'JWKS not found'),
  snapshot_not_found: user(404, 'snapshot not found'),
  endpoint_exists: user(409, 'read_write endpoint already exists', 'ENDPOINTS_LIMIT_EXCEEDED'),
  name_taken: user(409, 'an object with the same name already exists'),
  consumption_range: user(
    406,
    'the specified date-time range is outside the boundaries of the specified granularity',
  ),
  idempotency_key_reused: user(422, 'this Idempotency-Key was used before with another request'),
  precondition_failed: entry(412, 'XX000', {
    kind: 'conflict',
    retryable: false,
    title: 'the object is not any more what If-Match names: it was changed meanwhile',
  }),
  passwords_not_stored: user(412, 'passwords are not stored for this project'),
  role_owns_database: user(422, 'a role that owns a database cannot be deleted'),
  role_cannot_log_in: user(422, 'this role cannot log in, it has no password'),
  database_owner_not_found: user(422, 'database owner not found'),
  too_many_roles: user(422, 'this branch has as many roles as it may have', 'ROLES_LIMIT_EXCEEDED'),
  too_many_databases: user(
    422,
    'this branch has as many databases as it may have',
    'DATABASES_LIMIT_EXCEEDED',
  ),
  change_refused: user(422, 'Postgres refuses the change of a role or a database'),
  branch_not_anonymized: user(404, 'this branch is not an anonymized branch'),
  branch_anonymized: user(422, 'this is not possible on an anonymized branch'),
  masking_refused: user(422, 'the data of this branch cannot be masked as its rules say'),
  anonymization_running: entry(409, '55000', {
    kind: 'conflict',
    retryable: false,
    title: 'this branch is being anonymized',
  }),
  branch_unmasked: entry(422, '57P03', {
    kind: 'conflict',
    retryable: false,
    title: 'the data of this branch is not anonymized: nobody may see it before it is',
  }),
  endpoint_disabled: entry(422, 'XX000', {
    kind: 'conflict',
    retryable: false,
    title: 'endpoint is disabled',
  }),
  quota_exceeded: entry(402, 'XX000', {
    kind: 'denied',
    retryable: false,
    title: 'Your account or project has exceeded a quota. Upgrade your plan to increase limits.',
  }),
  last_admin: user(422, 'the last admin of an organization stays its admin'),
  too_many_jwks: user(422, 'this project has as many JWKS URLs as it may have'),
  not_deletable: user(422, 'this object cannot be deleted'),
  branch_has_children: user(422, 'this branch has children'),
  branch_protected: user(422, 'this branch is protected'),
  branch_not_ready: entry(422, 'XX000', {
    kind: 'conflict',
    retryable: true,
    title: 'branch not ready yet',
  }),
  branch_not_root: user(422, 'snapshots can be taken of root branches only'),
  restore_not_pending: user(422, 'this branch is no restored snapshot that waits to be finalized'),
  snapshot_not_created: user(422, 'the data of this snapshot could not be created'),
  point_not_available: entry(400, '22023', {
    kind: 'user',
    retryable: false,
    title: 'the requested point in time is outside of the history that is kept of this branch',
  }),
  pg_dump_missing: user(
    422,
    'no pg_dump of this Postgres version can be run on the host of this branch',
  ),
  analysis_too_slow: entry(503, '57014', {
    kind: 'unavailable',
    retryable: true,
    title: 'the database could not be analysed in time, try again later',
  }),
  history_damaged: entry(500, 'XX001', {
    kind: 'internal',
    retryable: false,
    title: 'the history of this branch is damaged at the requested point',
  }),
  conflicting_operations: entry(423, 'XX000', {
    kind: 'conflict',
    retryable: true,
    title:
      'project already has running conflicting operations, scheduling of new ones is prohibited',
  }),
  too_many_requests: entry(429, '53300', {
    kind: 'unavailable',
    retryable: true,
    title: 'too many requests, try again later',
  }),
  rate_limited: entry(429, '53300', {
    kind: 'denied',
    retryable: true,
    title: 'rate limit exceeded, try again later',
  }),
  not_implemented: entry(501, '0A000', {
    kind: 'user',
    retryable: false,
    title: 'this operation is not implemented',
  }),
  unavailable: entry(503, '57P03', {
    kind: 'unavailable',
    retryable: true,
    title: 'the control plane is temporarily unavailable, try again',
  }),
  compute_start_failed: entry(503, '57P03', {
    kind: 'unavailable',
    retryable: true,
    title: 'the compute of this endpoint could not be started, try again in a moment',
  }),
  compute_start_timeout: entry(503, '57P03', {
    kind: 'unavailable',
    retryable: true,
    title: 'the compute of this endpoint did not start in time, try again in a moment',
  }),
  timeline_locked: entry(503, '55006', {
    kind: 'unavailable',
    retryable: true,
    title: 'the data of this branch is in use by another operation, try again in a moment',
  }),
  disk_full: entry(507, '53100', {
    kind: 'unavailable',
    retryable: true,
    title: 'the disk of this host is full',
  }),
  branch_not_created: entry(422, 'XX000', {
    kind: 'user',
    retryable: false,
    title: 'the data of this branch could not be created',
  }),
  postgres_version_missing: entry(422, '0A000', {
    kind: 'user',
    retryable: false,
    title: 'this Postgres version is not installed on the host',
  }),
  internal: entry(500, 'XX000', {
    kind: 'internal',
    retryable: false,
    title: 'internal error',
  }),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

export interface PgfleetErrorOptions {
  /** Safe for clients; the catalogue's title when left out. */
  readonly message?: string;
  /** Private detail, for the log only. */
  readonly cause?: unknown;
}

/** The one error class: `code` names its catalogue entry, `message` is safe for clients. */
export class PgfleetError extends Error {
  override readonly name = 'PgfleetError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, options: PgfleetErrorOptions = {}) {
    super(options.message ?? errorCatalogue[code].title, { cause: options.cause });
    this.code = code;
  }

  /** This error's row of the catalogue. */
  get entry(): ErrorEntry {
    return errorCatalogue[this.code];
  }
}

/** Turns anything thrown into a {@link PgfleetError}; what is unknown becomes `internal`. */
export function toPgfleetError(error: unknown): PgfleetError {
  return error instanceof PgfleetError ? error : new PgfleetError('internal', { cause: error });
}

/** Says whether a text is a code of the catalogue. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCatalogue, text);
}
