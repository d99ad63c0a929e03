import { mkdir } from 'node:fs/promises';
import { createControlClient } from '@pgfleet/contract';
import { ensureRunDirectory, type Logger, RpcClient, type Shutdown } from '@pgfleet/kit';
import { ActivityReporter } from './activity.ts';
import { mockSecretFrom } from './authenticate.ts';
import { CancelDesk } from './cancel.ts';
import type { ProxyConfig } from './config.ts';
import { HostDirectory } from './host-directory.ts';
import { ProxyServer } from './proxy-server.ts';
import { Router } from './route.ts';
import { loadServerTls } from './server-tls.ts';

export type ProxyParts = {
  readonly config: ProxyConfig;
  /** The token by which pgfleet's processes know each other. */
  readonly token: string;
  readonly log: Logger;
  readonly shutdown: Shutdown;
};

const closeLimitMs = 5_000;

/** Builds one proxy and lets it accept; what it opens is closed by `shutdown`, last opened first. */
export async function openProxy({
  config,
  token,
  log,
  shutdown,
}: ProxyParts): Promise<ProxyServer> {
  const closing = <T extends AsyncDisposable>(name: string, part: T): T => {
    const run = async () => part[Symbol.asyncDispose]();
    shutdown.add({ name, limitMs: closeLimitMs, run });
    return part;
  };
  const stateDir = config.PGFLEET_PROXY_DIR;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  ensureRunDirectory(config.PGFLEET_RUN_DIR);
  const tls = loadServerTls(config.PGFLEET_TLS_CERT_FILE, config.PGFLEET_TLS_KEY_FILE);
  const controlRpc = closing('control', new RpcClient(config.PGFLEET_CONTROL_ADDRESS, token));
  const control = createControlClient(controlRpc);
  const directory = closing('hosts', await HostDirectory.open({ control, token, stateDir, log }));
  const activity = closing('activity', new ActivityReporter({ log }));
  const cancelDesk = closing('cancel', await CancelDesk.open(config.PGFLEET_RUN_DIR, log));
  const server = await ProxyServer.open({
    listenOn: listenOn(config),
    limits: {
      maxConnections: config.PGFLEET_PROXY_MAX_CONNECTIONS,
      maxUnauthenticated: config.PGFLEET_PROXY_MAX_UNAUTHENTICATED,
    },
    context: {
      tls,
      domain: config.PGFLEET_DOMAIN,
      router: new Router(directory, control),
      cancelDesk,
      activity,
      mockSecret: mockSecretFrom(token),
      handshakeTimeoutMs: config.PGFLEET_PROXY_HANDSHAKE_TIMEOUT_MS,
      wakeTimeoutMs: config.PGFLEET_PROXY_WAKE_TIMEOUT_MS,
      log,
    },
  });
  return closing('connections', server);
}

function listenOn(config: ProxyConfig) {
  const fd = config.PGFLEET_PG_LISTEN_FD;
  if (fd !== undefined) return { fd };
  return { port: config.PGFLEET_PG_PORT, address: config.PGFLEET_PG_ADDRESS };
}
