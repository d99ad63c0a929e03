import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hostAddress, hostDirectory } from '../platform-paths.ts';
import type { Service } from '../supervise/service.ts';
import { spawnProcess } from '../supervise/spawn-process.ts';
import { logPath } from './log-path.ts';
import { commonEnvironment, masterKeyEnvironment } from './process-environment.ts';
import type { StartContext } from './start-context.ts';

/** The host of one region. */
export function hostService(context: StartContext, region: string): Service {
  const { config, paths, records } = context;
  const name = `host-${region}`;
  const directory = hostDirectory(paths, region);
  const log = logPath(paths, name);
  return {
    name,
    logPath: log,
    cleansUpItself: true,
    start: (signal) => {
      mkdirSync(directory, { recursive: true, mode: 0o711 });
      return spawnProcess(
        {
          name,
          modulePath: fileURLToPath(import.meta.resolve('@pgfleet/host/main')),
          logPath: log,
          env: {
            ...commonEnvironment(context),
            ...masterKeyEnvironment(context),
            PGFLEET_HOST_ID: name,
            PGFLEET_REGION: region,
            PGFLEET_HOST_DIR: directory,
            PGFLEET_HOST_ADDRESS: hostAddress(paths, region),
            PGFLEET_VOLUME: config.volume,
          },
        },
        records,
        signal,
      );
    },
  };
}
