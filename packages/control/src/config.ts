import { readFileSync } from 'node:fs';
import type { LogLevel } from '@pgfleet/kit';
import { ConfigError } from '@pgfleet/kit';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { RateLimits } from './api/rate-limiter.ts';

/** As in the contract's documentation; 0 for no limit. */
const rate = (byDefault: number) => Type.Integer({ minimum: 0, default: byDefault });

const port = Type.Integer({ minimum: 0, maximum: 65_535 });

/** What control reads from its environment. */
export const ControlConfig = Type.Object({
  PGFLEET_LOG_LEVEL: Type.Unsafe<LogLevel>(Type.String({ default: 'info' })),
  PGFLEET_INTERNAL_TOKEN_FILE: Type.String(),
  PGFLEET_CONTROL_ADDRESS: Type.String({ pattern: '^(unix:/|http://)' }),
  PGFLEET_MASTER_KEY: Type.Optional(Type.String()),
  PGFLEET_MASTER_KEY_FILE: Type.Optional(Type.String()),
  PGFLEET_API_ADDRESS: Type.String({ default: '127.0.0.1' }),
  PGFLEET_API_PORT: Type.Integer({ ...port, default: 7400 }),
  PGFLEET_DATABASE_URL: Type.String(),
  PGFLEET_REGIONS: Type.String({
    pattern: '^[a-z0-9-]+(,[a-z0-9-]+)*$',
    default: 'aws-us-east-2',
  }),
  PGFLEET_DOMAIN: Type.String({ default: 'localhost' }),
  PGFLEET_PG_PORT: Type.Integer({ ...port, default: 7432 }),
  PGFLEET_CA_FILE: Type.Optional(Type.String()),
  PGFLEET_MIN_SUSPEND_TIMEOUT_SECONDS: Type.Integer({ minimum: 1, default: 60 }),
  PGFLEET_RESTORE_DRILLS: Type.Enum(['on', 'off'], { default: 'on' }),
  PGFLEET_RATE_LIMIT_PER_MINUTE: rate(700),
  PGFLEET_RATE_LIMIT_ROUTE_PER_SECOND: rate(40),
  PGFLEET_RATE_LIMIT_CONSUMPTION_PER_MINUTE: rate(30),
  PGFLEET_RATE_LIMIT_ORG_KEYS_PER_SECOND: rate(10),
  PGFLEET_ADMIN_KEY_FILE: Type.String(),
});
export type ControlConfig = Static<typeof ControlConfig>;

/** @throws ConfigError when the configuration names no master key. */
export function masterKeyText(config: ControlConfig): string {
  if (config.PGFLEET_MASTER_KEY) return config.PGFLEET_MASTER_KEY;
  if (config.PGFLEET_MASTER_KEY_FILE) return readFileSync(config.PGFLEET_MASTER_KEY_FILE, 'utf8');
  throw new ConfigError('PGFLEET_MASTER_KEY or PGFLEET_MASTER_KEY_FILE: one of them must be set');
}

/** How much each caller of the public API may ask. */
export function rateLimitsOf(config: ControlConfig): RateLimits {
  return {
    perMinute: config.PGFLEET_RATE_LIMIT_PER_MINUTE,
    routePerSecond: config.PGFLEET_RATE_LIMIT_ROUTE_PER_SECOND,
    consumptionPerMinute: config.PGFLEET_RATE_LIMIT_CONSUMPTION_PER_MINUTE,
    organizationKeysPerSecond: config.PGFLEET_RATE_LIMIT_ORG_KEYS_PER_SECOND,
  };
}
