import { createControlClient } from '@pgfleet/contract';
import type { EndpointSpec, HostInfo } from '@pgfleet/contract';
import { RpcClient } from '@pgfleet/kit';
import type { Shutdown } from '@pgfleet/kit';
import type { HostServices } from './api/routes.ts';
import { Arrivals } from './endpoints/arrivals.ts';
import { isComputeRecord } from './endpoints/compute-parts.ts';
import { Endpoints } from './endpoints/endpoints.ts';
import { isEndpointSpec } from './endpoints/endpoint-spec.ts';
import { Proxies } from './endpoints/proxies.ts';
import { isUsageRecord } from './endpoints/usage-meter.ts';
import type { Ground } from './open-ground.ts';
import { Reporter } from './report/reporter.ts';
import { RecordStore } from './storage/record-store.ts';
import { TimelineClaims } from './timelines/timeline-claims.ts';

// Less than the contract's client waits, so that callers get a reason instead of a silence.
const START_TIMEOUT_MS = 55_000;
const LAUNCH_TIMEOUT_MS = 600_000;
const TICK_MS = 1000;
// The figures of a running compute grow all the time; control folds them into hours.
const REPORT_RUNNING_EVERY_TICKS = 5;
const SUSPEND_ALL_LIMIT_MS = 60_000;

export interface OpenServices extends HostServices {
  /**
   * Begins to report to control and to do what has to be done every second; from now on the end of
   * the host is the end of its computes, and control hears of that last.
   */
  run(shutdown: Shutdown): void;
}

/** Opens the host's endpoints and what serves them. */
export function openServices(ground: Ground): OpenServices {
  const { timelines } = ground;
  const arrivals = new Arrivals();
  let reporter: Reporter | undefined;
  const endpoints = openEndpoints(ground, {
    arrivals,
    onChange: (spec) => reporter?.changed(spec.endpointId),
  });
  const proxies = new Proxies(
    (endpointId) => endpoints.find(endpointId),
    ({ spec }) => reporter?.changedSlightly(spec.endpointId),
  );
  const info = () => describe(ground, endpoints);
  const run = (shutdown: Shutdown) => {
    reporter = openReporter(ground, { endpoints, info, shutdown });
    tick({ endpoints, proxies, reporter, shutdown });
    const limitMs = SUSPEND_ALL_LIMIT_MS;
    shutdown.add({ name: 'computes', limitMs, run: () => endpoints.close() });
  };
  return { timelines, endpoints, proxies, arrivals, info, run };
}

interface EndpointWiring {
  readonly arrivals: Arrivals;
  readonly onChange: (spec: EndpointSpec) => void;
}

function openEndpoints(ground: Ground, { arrivals, onChange }: EndpointWiring): Endpoints {
  const { layout, options } = ground;
  const { log, startTimeoutMs = START_TIMEOUT_MS } = options;
  const store = <T>(
    kind: Parameters<typeof layout.records>[0],
    accepts: (value: unknown) => value is T,
  ) => new RecordStore({ directory: layout.records(kind), log, accepts });
  return new Endpoints({
    ...ground,
    log,
    arrivals,
    claims: new TimelineClaims(),
    computes: store('computes', isComputeRecord),
    specs: store('endpoints', isEndpointSpec),
    usage: store('usage', isUsageRecord),
    startTimeoutMs,
    launchTimeoutMs: LAUNCH_TIMEOUT_MS,
    onChange: ({ spec }) => onChange(spec),
  });
}

function describe({ options, volume, sandbox, builds }: Ground, endpoints: Endpoints): HostInfo {
  return {
    hostId: options.hostId,
    regionId: options.regionId,
    volumeDriver: volume.driver,
    sandbox: sandbox.level,
    pgMajors: [...builds.majors],
    endpoints: endpoints.size,
    running: endpoints.running().length,
  };
}

interface ReporterWiring {
  readonly endpoints: Endpoints;
  readonly info: () => HostInfo;
  readonly shutdown: Shutdown;
}

function openReporter(
  { options }: Ground,
  { endpoints, info, shutdown }: ReporterWiring,
): Reporter | undefined {
  const { controlAddress, token, hostId, address, log } = options;
  if (controlAddress === undefined) return undefined;
  const rpc = new RpcClient(controlAddress, token);
  const reporter = new Reporter({
    hostId,
    control: createControlClient(rpc),
    describe: () => ({ address, info: info(), timelines: [] }),
    status: (endpointId) => endpoints.find(endpointId)?.status(),
    log,
  });
  for (const { spec } of endpoints.values()) reporter.changedSlightly(spec.endpointId);
  shutdown.add({
    name: 'reports',
    limitMs: 3000,
    run: async () => {
      await reporter[Symbol.asyncDispose]();
      await rpc[Symbol.asyncDispose]();
    },
  });
  return reporter;
}

interface Ticking {
  readonly endpoints: Endpoints;
  readonly proxies: Proxies;
  readonly reporter: Reporter | undefined;
  readonly shutdown: Shutdown;
}

function tick({ endpoints, proxies, reporter, shutdown }: Ticking): void {
  let count = 0;
  const timer = setInterval(() => {
    proxies.forgetSilent();
    if (++count % REPORT_RUNNING_EVERY_TICKS > 0) return;
    for (const { spec } of endpoints.running()) reporter?.changedSlightly(spec.endpointId);
  }, TICK_MS);
  shutdown.add({ name: 'ticks', limitMs: 1000, run: async () => clearInterval(timer) });
}
