import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { isIP } from 'node:net';
import { ConfigError, readConfig } from '@pgfleet/kit';
import { Type } from 'typebox';
import type { Static } from 'typebox';

const DEFAULT_REGION = 'aws-us-east-2';
const port = (value: number) => Type.Integer({ minimum: 1, maximum: 65_535, default: value });

const Environment = Type.Object({
  PGFLEET_DATA_DIR: Type.String({ default: '.pgfleet' }),
  PGFLEET_LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
    default: 'info',
  }),
  PGFLEET_API_PORT: port(7400),
  PGFLEET_API_ADDRESS: Type.String({ default: '127.0.0.1' }),
  PGFLEET_PG_PORT: port(7432),
  PGFLEET_PG_ADDRESS: Type.String({ default: '127.0.0.1' }),
  PGFLEET_REGIONS: Type.String({ default: DEFAULT_REGION }),
  PGFLEET_DOMAIN: Type.String({ default: 'localhost' }),
  PGFLEET_VOLUME: Type.Enum(['auto', 'reflink', 'btrfs', 'copy'], { default: 'auto' }),
  PGFLEET_PROXY_WORKERS: Type.Integer({
    minimum: 1,
    maximum: 256,
    default: Math.min(availableParallelism(), 4),
  }),
  PGFLEET_MIN_SUSPEND_TIMEOUT_SECONDS: Type.Integer({ minimum: 1, maximum: 604_800, default: 60 }),
  PGFLEET_DATABASE_URL: Type.Optional(Type.String({ pattern: '^postgres(ql)?://' })),
  PGFLEET_MASTER_KEY: Type.Optional(Type.String()),
  PGFLEET_TLS_CERT_FILE: Type.Optional(Type.String()),
  PGFLEET_TLS_KEY_FILE: Type.Optional(Type.String()),
});

/** What `pgfleet up` and `pgfleet doctor` work with; paths are absolute. */
export interface PlatformConfig {
  readonly dataDir: string;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly api: Listen;
  readonly postgres: Listen;
  readonly regions: readonly string[];
  readonly domain: string;
  readonly volume: 'auto' | 'reflink' | 'btrfs' | 'copy';
  readonly proxyWorkers: number;
  readonly minSuspendTimeoutSeconds: number;
  /** An outside control database; pgfleet runs its own when left out. */
  readonly databaseUrl?: string;
  readonly masterKey?: string;
  /** A configured certificate; pgfleet issues its own when left out. */
  readonly certificate?: { readonly certPath: string; readonly keyPath: string };
}

export interface Listen {
  readonly address: string;
  readonly port: number;
}

/** @throws ConfigError with every problem, one per line. */
export function readPlatformConfig(env: NodeJS.ProcessEnv): PlatformConfig {
  const problems = [
    ...schemaProblems(env),
    ...checkRegions(splitRegions(env['PGFLEET_REGIONS'] || DEFAULT_REGION)),
    ...checkAddress('PGFLEET_API_ADDRESS', env['PGFLEET_API_ADDRESS']),
    ...checkAddress('PGFLEET_PG_ADDRESS', env['PGFLEET_PG_ADDRESS']),
    ...checkDomain(env['PGFLEET_DOMAIN']),
    ...checkCertificate(env['PGFLEET_TLS_CERT_FILE'], env['PGFLEET_TLS_KEY_FILE']),
  ];
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return toPlatformConfig(readConfig(Environment, env));
}

// What a schema says in words of its own, and what it cannot say, is reported together.
function schemaProblems(env: NodeJS.ProcessEnv): string[] {
  try {
    const { PGFLEET_API_PORT: api, PGFLEET_PG_PORT: postgres } = readConfig(Environment, env);
    return api === postgres ? ['PGFLEET_PG_PORT: must differ from PGFLEET_API_PORT'] : [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
}

function toPlatformConfig(given: Static<typeof Environment>): PlatformConfig {
  return {
    dataDir: resolve(given.PGFLEET_DATA_DIR),
    logLevel: given.PGFLEET_LOG_LEVEL,
    api: { address: given.PGFLEET_API_ADDRESS, port: given.PGFLEET_API_PORT },
    postgres: { address: given.PGFLEET_PG_ADDRESS, port: given.PGFLEET_PG_PORT },
    regions: splitRegions(given.PGFLEET_REGIONS),
    domain: given.PGFLEET_DOMAIN,
    volume: given.PGFLEET_VOLUME,
    proxyWorkers: given.PGFLEET_PROXY_WORKERS,
    minSuspendTimeoutSeconds: given.PGFLEET_MIN_SUSPEND_TIMEOUT_SECONDS,
    ...(given.PGFLEET_DATABASE_URL ? { databaseUrl: given.PGFLEET_DATABASE_URL } : {}),
    ...(given.PGFLEET_MASTER_KEY ? { masterKey: given.PGFLEET_MASTER_KEY } : {}),
    ...certificate(given.PGFLEET_TLS_CERT_FILE, given.PGFLEET_TLS_KEY_FILE),
  };
}

function splitRegions(text: string): string[] {
  return text.split(',').map((region) => region.trim());
}

function checkRegions(regions: readonly string[]): string[] {
  const problems = regions
    .filter((region) => !/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(region))
    .map(
      (region) =>
        `PGFLEET_REGIONS: "${region}" is not a region name (lower-case letters, digits, dashes)`,
    );
  if (new Set(regions).size < regions.length) {
    problems.push('PGFLEET_REGIONS: names a region twice');
  }
  return problems;
}

function checkAddress(name: string, address: string | undefined): string[] {
  return !address || isIP(address) ? [] : [`${name}: "${address}" is not an IP address`];
}

function checkDomain(domain: string | undefined): string[] {
  if (!domain) return [];
  const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
  const valid = new RegExp(`^${label}(\\.${label})*$`).test(domain);
  return valid ? [] : [`PGFLEET_DOMAIN: "${domain}" is not a lower-case domain name`];
}

function checkCertificate(cert: string | undefined, key: string | undefined): string[] {
  if (Boolean(cert) === Boolean(key)) return [];
  const missing = cert ? 'PGFLEET_TLS_KEY_FILE' : 'PGFLEET_TLS_CERT_FILE';
  return [`${missing}: must be set as well: certificate and key belong together`];
}

function certificate(
  cert: string | undefined,
  key: string | undefined,
): Pick<PlatformConfig, 'certificate'> {
  if (!cert || !key) return {};
  return { certificate: { certPath: resolve(cert), keyPath: resolve(key) } };
}
