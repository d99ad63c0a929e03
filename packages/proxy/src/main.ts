/**
 * The proxy process. SIGTERM and SIGINT end every session (57P01) and the process; SIGUSR2 only
 * stops accepting, and the process ends with its last session.
 */
import { readFileSync } from 'node:fs';
import { announceReady, createLogger, readConfig, runProcess } from '@pgfleet/kit';
import { ProxyConfig } from './config.ts';
import { openProxy } from './proxy.ts';

const config = readConfig(ProxyConfig, process.env);
const log = createLogger({ process: 'proxy', level: config.PGFLEET_LOG_LEVEL });

await runProcess(log, async (shutdown) => {
  const token = readFileSync(config.PGFLEET_INTERNAL_TOKEN_FILE, 'utf8').trim();
  const server = await openProxy({ config, token, log, shutdown });
  process.once('SIGUSR2', () => {
    log.info({ connections: server.connections }, 'accepting no more connections');
    void server.drain().then(() => process.kill(process.pid, 'SIGTERM'));
  });
  log.info({ port: server.port }, 'proxy ready');
  announceReady();
});
