import { fileURLToPath } from 'node:url';
import { nodeOptions } from '@pgfleet/control/node-options';
import type { Service } from '../supervise/service.ts';
import { spawnProcess } from '../supervise/spawn-process.ts';
import { logPath } from './log-path.ts';
import { commonEnvironment, masterKeyEnvironment } from './process-environment.ts';
import type { StartContext } from './start-context.ts';

/** The control plane. `databaseUrl` is asked at every start. */
export function controlService(context: StartContext, databaseUrl: () => string): Service {
  const { config, paths, records } = context;
  const name = 'control';
  const log = logPath(paths, name);
  return {
    name,
    logPath: log,
    start: (signal) =>
      spawnProcess(
        {
          name,
          modulePath: fileURLToPath(import.meta.resolve('@pgfleet/control/main')),
          nodeOptions,
          logPath: log,
          env: {
            ...commonEnvironment(context),
            ...masterKeyEnvironment(context),
            PGFLEET_API_ADDRESS: config.api.address,
            PGFLEET_API_PORT: String(config.api.port),
            PGFLEET_DATABASE_URL: databaseUrl(),
            PGFLEET_REGIONS: config.regions.join(','),
            PGFLEET_ADMIN_KEY_FILE: paths.adminKey,
            // With a configured certificate, clients trust whoever signed that.
            ...(config.certificate ? {} : { PGFLEET_CA_FILE: paths.caCertificate }),
            PGFLEET_MIN_SUSPEND_TIMEOUT_SECONDS: String(config.minSuspendTimeoutSeconds),
          },
        },
        records,
        signal,
      ),
  };
}
