import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  announceReady,
  createLogger,
  parseMasterKey,
  readConfig,
  runProcess,
  SecretBox,
} from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import { HostConfig } from './config.ts';
import type { HostOptions } from './host-options.ts';
import { openHost } from './host.ts';

const config = readConfig(HostConfig, process.env);
const log = createLogger({ process: 'host', level: config.PGFLEET_LOG_LEVEL });

await runProcess(log, async (shutdown) => {
  await openHost(optionsFrom(config, log), shutdown);
  announceReady();
});

function optionsFrom(env: Readonly<HostConfig>, logger: Logger): HostOptions {
  const controlAddress = env.PGFLEET_CONTROL_ADDRESS;
  return {
    hostId: env.PGFLEET_HOST_ID,
    regionId: env.PGFLEET_REGION,
    hostDir: env.PGFLEET_HOST_DIR,
    runDir: env.PGFLEET_RUN_DIR,
    address: env.PGFLEET_HOST_ADDRESS,
    token: readFileSync(env.PGFLEET_INTERNAL_TOKEN_FILE, 'utf8').trim(),
    secrets: new SecretBox(parseMasterKey(masterKey(env))),
    uidFile: join(env.PGFLEET_DATA_DIR, 'uids.json'),
    volume: env.PGFLEET_VOLUME,
    spareClones: env.PGFLEET_SPARE_CLONES,
    log: logger,
    ...(controlAddress === undefined ? {} : { controlAddress }),
  };
}

function masterKey({ PGFLEET_MASTER_KEY: key, PGFLEET_MASTER_KEY_FILE: file }: HostConfig): string {
  if (key !== undefined) return key;
  if (file !== undefined) return readFileSync(file, 'utf8');
  throw new Error('set PGFLEET_MASTER_KEY or PGFLEET_MASTER_KEY_FILE');
}
