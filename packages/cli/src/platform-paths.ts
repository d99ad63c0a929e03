import { join } from 'node:path';
import { runDirectory } from '@pgfleet/kit';

/** Where things lie below a data directory. */
export interface PlatformPaths {
  readonly dataDir: string;
  readonly lock: string;
  readonly adminKey: string;
  readonly internalKey: string;
  readonly masterKey: string;
  readonly caCertificate: string;
  readonly tlsDir: string;
  readonly logDir: string;
  /** Sockets of pgfleet's own processes and of computes; short enough for a socket address. */
  readonly runDir: string;
  readonly controlSocket: string;
  /** Who runs, for the next `up`, for `doctor` and for people. */
  readonly processRecords: string;
  readonly controlDatabaseDir: string;
  readonly viewsDir: string;
  readonly proxyDir: string;
}

export function platformPaths(dataDir: string): PlatformPaths {
  const runDir = runDirectory(dataDir);
  return {
    dataDir,
    lock: join(dataDir, 'up.lock'),
    adminKey: join(dataDir, 'admin.key'),
    internalKey: join(dataDir, 'internal.key'),
    masterKey: join(dataDir, 'master.key'),
    caCertificate: join(dataDir, 'ca.crt'),
    tlsDir: join(dataDir, 'tls'),
    logDir: join(dataDir, 'log'),
    runDir,
    controlSocket: join(runDir, 'control.sock'),
    processRecords: join(dataDir, 'processes.json'),
    controlDatabaseDir: join(dataDir, 'control-database'),
    viewsDir: join(dataDir, 'postgres'),
    proxyDir: join(dataDir, 'proxy'),
  };
}

export function hostDirectory(paths: PlatformPaths, region: string): string {
  return join(paths.dataDir, 'hosts', region);
}

export function hostAddress(paths: PlatformPaths, region: string): string {
  return `unix:${join(paths.runDir, `host-${region}.sock`)}`;
}
