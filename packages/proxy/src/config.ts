import { type Static, Type } from 'typebox';

const milliseconds = (byDefault: number) =>
  Type.Integer({ minimum: 1, maximum: 3_600_000, default: byDefault });

/** The environment of one proxy process. */
export const ProxyConfig = Type.Object({
  /** Listen on a socket that was inherited; `PGFLEET_PG_ADDRESS` and `PGFLEET_PG_PORT` otherwise. */
  PGFLEET_PG_LISTEN_FD: Type.Optional(Type.Integer({ minimum: 3 })),
  PGFLEET_PG_PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 7432 }),
  PGFLEET_PG_ADDRESS: Type.String({ default: '127.0.0.1' }),
  /** Endpoint hosts are `<endpoint id>.<region>.<domain>`. */
  PGFLEET_DOMAIN: Type.String({ default: 'localhost' }),
  PGFLEET_TLS_CERT_FILE: Type.String({ minLength: 1 }),
  PGFLEET_TLS_KEY_FILE: Type.String({ minLength: 1 }),
  /** Control's internal API: `unix:/path` or `http://host:port`. */
  PGFLEET_CONTROL_ADDRESS: Type.String({ minLength: 1 }),
  /** Holds the token by which pgfleet's processes know each other. */
  PGFLEET_INTERNAL_TOKEN_FILE: Type.String({ minLength: 1 }),
  /** Where this proxy keeps what it has learned. */
  PGFLEET_PROXY_DIR: Type.String({ minLength: 1 }),
  /** Where the workers' own sockets are. */
  PGFLEET_RUN_DIR: Type.String({ minLength: 1 }),
  PGFLEET_PROXY_HANDSHAKE_TIMEOUT_MS: milliseconds(15_000),
  PGFLEET_PROXY_WAKE_TIMEOUT_MS: milliseconds(60_000),
  PGFLEET_PROXY_MAX_CONNECTIONS: Type.Integer({ minimum: 1, default: 20_000 }),
  PGFLEET_PROXY_MAX_UNAUTHENTICATED: Type.Integer({ minimum: 1, default: 4_000 }),
  PGFLEET_LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
    default: 'info',
  }),
});
export type ProxyConfig = Readonly<Static<typeof ProxyConfig>>;
