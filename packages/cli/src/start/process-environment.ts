import type { StartContext } from './start-context.ts';

// Only those who need these get them.
const SECRETS = ['PGFLEET_MASTER_KEY', 'PGFLEET_DATABASE_URL'];

/** The environment that all processes share: the caller's without secrets, and the common places. */
export function commonEnvironment({ env, config, paths }: StartContext): NodeJS.ProcessEnv {
  const inherited = Object.entries(env).filter(([name]) => !SECRETS.includes(name));
  return {
    ...Object.fromEntries(inherited),
    PGFLEET_DATA_DIR: config.dataDir,
    PGFLEET_LOG_LEVEL: config.logLevel,
    PGFLEET_RUN_DIR: paths.runDir,
    PGFLEET_INTERNAL_TOKEN_FILE: paths.internalKey,
    PGFLEET_CONTROL_ADDRESS: `unix:${paths.controlSocket}`,
    PGFLEET_DOMAIN: config.domain,
    PGFLEET_PG_ADDRESS: config.postgres.address,
    PGFLEET_PG_PORT: String(config.postgres.port),
  };
}

/** The master key, as given or as a file. */
export function masterKeyEnvironment({ config, paths }: StartContext): NodeJS.ProcessEnv {
  return config.masterKey
    ? { PGFLEET_MASTER_KEY: config.masterKey }
    : { PGFLEET_MASTER_KEY_FILE: paths.masterKey };
}
