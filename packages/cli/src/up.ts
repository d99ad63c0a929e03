import type { Shutdown } from '@pgfleet/kit';
import type { PlatformConfig } from './config.ts';
import { ensureCertificate } from './prepare/certificate.ts';
import { claimPorts } from './prepare/ports.ts';
import { waitUntilServing } from './ready.ts';
import { ControlDatabase } from './start/control-database.ts';
import { controlService } from './start/control.ts';
import { hostService } from './start/host.ts';
import { proxyService } from './start/proxy.ts';
import type { ProxyPlan } from './start/proxy.ts';
import type { StartContext } from './start/start-context.ts';
import type { StartError } from './start-error.ts';
import type { Service } from './supervise/service.ts';
import { SupervisedService } from './supervise/supervised-service.ts';
import { endProcesses, takeOver } from './supervise/take-over.ts';

/*
 * Everything of a platform on one machine.
 *
 *   start   control database, then control; hosts and proxies beside them
 *   stop    proxies, then control, so that nobody gives the hosts work any more; then hosts, which
 *           suspend their computes; then the control database
 *
 * What dies in between is started again by its own SupervisedService, without regard to the others.
 */

const LIMIT_MS = { proxies: 10_000, hosts: 90_000, control: 15_000, database: 60_000 } as const;
// A phase's own limit only ends a phase that hangs after its processes were killed.
const GRACE_MS = 10_000;
const TAKE_OVER_PATIENCE_MS = 5_000;

export interface UpOptions {
  readonly context: StartContext;
  readonly shutdown: Shutdown;
  /** Called when a process dies again and again and is given up. */
  readonly onGiveUp: (error: StartError) => void;
}

/** Starts a platform and resolves with the line to greet with, once everything serves. */
export async function up(options: UpOptions): Promise<string> {
  const { context, shutdown } = options;
  const { config, paths, records, log } = context;
  const draining = await takeOver(records, paths.dataDir, log);
  const socket = await claimPorts(config, draining.length > 0 ? TAKE_OVER_PATIENCE_MS : 0);
  const certificate = await ensureCertificate(config, paths);
  const services = describeServices(options, { socket, certificate });
  addPhases(shutdown, services);
  shutdown.add({
    name: 'draining proxies',
    limitMs: LIMIT_MS.proxies + GRACE_MS,
    run: async () => {
      socket.close();
      await endProcesses(draining);
    },
  });
  const { database, control, hosts, proxies } = services;
  await Promise.all([
    startAll(database).then(() => startAll(control)),
    startAll(hosts),
    startAll(proxies),
  ]);
  return await waitUntilServing(context);
}

type Services = Readonly<Record<keyof typeof LIMIT_MS, readonly SupervisedService[]>>;

function describeServices(
  { context, onGiveUp }: UpOptions,
  entrance: Pick<ProxyPlan, 'socket' | 'certificate'>,
): Services {
  const { config, log } = context;
  const supervise = (service: Service) => new SupervisedService({ service, log, onGiveUp });
  const database = config.databaseUrl ? undefined : new ControlDatabase(context);
  const databaseUrl = () => config.databaseUrl ?? database?.url ?? '';
  const workers = Array.from({ length: config.proxyWorkers }, (_, worker) => worker);
  return {
    database: database ? [supervise(database)] : [],
    control: [supervise(controlService(context, databaseUrl))],
    hosts: config.regions.map((region) => supervise(hostService(context, region))),
    proxies: workers.map((worker) => supervise(proxyService(context, { worker, ...entrance }))),
  };
}

// Added in this order, run in the reverse.
function addPhases(shutdown: Shutdown, services: Services): void {
  for (const name of ['database', 'hosts', 'control', 'proxies'] as const) {
    shutdown.add({
      name,
      limitMs: 2 * LIMIT_MS[name] + GRACE_MS,
      run: async () => {
        await Promise.all(services[name].map((service) => service.stop(LIMIT_MS[name])));
      },
    });
  }
}

/** The names of the processes that have log files of their own. */
export function processNames(config: PlatformConfig): readonly string[] {
  const proxies = Array.from({ length: config.proxyWorkers }, (_, worker) => `proxy-${worker}`);
  return ['control', ...config.regions.map((region) => `host-${region}`), ...proxies];
}

async function startAll(services: readonly SupervisedService[]): Promise<void> {
  await Promise.all(services.map((service) => service.start()));
}
