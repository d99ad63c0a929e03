import { fileURLToPath } from 'node:url';
import type { ListeningSocket } from '@pgfleet/kit';
import type { CertificateFiles } from '../prepare/certificate.ts';
import type { Service } from '../supervise/service.ts';
import { spawnProcess } from '../supervise/spawn-process.ts';
import { logPath } from './log-path.ts';
import { commonEnvironment } from './process-environment.ts';
import type { StartContext } from './start-context.ts';

export interface ProxyPlan {
  readonly worker: number;
  readonly socket: ListeningSocket;
  readonly certificate: CertificateFiles;
}

// The first descriptor after stdin, stdout and stderr.
const LISTEN_FD = 3;

/** One proxy worker. All of them accept from the one socket that `up` holds. */
export function proxyService(context: StartContext, plan: ProxyPlan): Service {
  const { paths, records } = context;
  const name = `proxy-${plan.worker}`;
  const log = logPath(paths, name);
  return {
    name,
    logPath: log,
    start: (signal) =>
      spawnProcess(
        {
          name,
          modulePath: fileURLToPath(import.meta.resolve('@pgfleet/proxy/main')),
          logPath: log,
          listenFd: plan.socket.fd,
          env: {
            ...commonEnvironment(context),
            PGFLEET_WORKER: String(plan.worker),
            PGFLEET_PROXY_DIR: paths.proxyDir,
            PGFLEET_TLS_CERT_FILE: plan.certificate.certPath,
            PGFLEET_TLS_KEY_FILE: plan.certificate.keyPath,
            PGFLEET_PG_LISTEN_FD: String(LISTEN_FD),
          },
        },
        records,
        signal,
      ),
  };
}
