import { createControlClient } from '@pgfleet/contract';
import type {
  EndpointId,
  EndpointSpec,
  HostInfo,
  TimelineId,
  TimelineSpec,
  TimelineStatus,
} from '@pgfleet/contract';
import { RpcClient } from '@pgfleet/kit';
import type { Shutdown } from '@pgfleet/kit';
import type { HostServices } from './api/routes.ts';
import { TimelineContents } from './content/timeline-contents.ts';
import { Arrivals } from './endpoints/arrivals.ts';
import { isComputeRecord } from './endpoints/compute-parts.ts';
import { Endpoints } from './endpoints/endpoints.ts';
import type { EndpointParts } from './endpoints/endpoint.ts';
import { isEndpointSpec } from './endpoints/endpoint-spec.ts';
import { Proxies } from './endpoints/proxies.ts';
import { RefusedSettings } from './endpoints/refused-settings.ts';
import { ReplicaWatch } from './endpoints/replica-watch.ts';
import { WriteWatch } from './endpoints/write-watch.ts';
import { isUsageRecord } from './endpoints/usage-meter.ts';
import type { Ground } from './open-ground.ts';
import { HistoryKeeper } from './restore/history-keeper.ts';
import { Past } from './restore/past.ts';
import { putWithPasswords } from './restore/put-with-passwords.ts';
import { TimeTravel } from './restore/time-travel.ts';
import { Reporter } from './report/reporter.ts';
import { RecordStore } from './storage/record-store.ts';
import type { Timelines } from './timelines/timelines.ts';

// Less than the contract's client waits, so that callers get a reason instead of a silence.
const START_TIMEOUT_MS = 55_000;
const LAUNCH_TIMEOUT_MS = 600_000;
const TICK_MS = 1000;
const MEASURE_EVERY_MS = 60_000;
const EXPIRE_EVERY_MS = 600_000;
const TRIM_EVERY_MS = 3_600_000;
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
    onChange: ({ spec, running }) => {
      reporter?.changed(spec.endpointId);
      if (running) void replicas.started(running);
    },
    onRest: ({ spec }, timelineId) => {
      timeTravel.rested(spec.endpointId);
      void keeper.rested(timelineId);
      reporter?.grown(timelineId);
    },
  });
  const replicas = new ReplicaWatch({ ...ground, running: () => endpoints.running() });
  const keeper = new HistoryKeeper(ground);
  const timeTravel = new TimeTravel(ground, endpoints, (id) => reporter?.changedSlightly(id));
  const proxies = new Proxies(
    (endpointId) => endpoints.find(endpointId),
    ({ spec }) => reporter?.changedSlightly(spec.endpointId),
  );
  const past = new Past(ground);
  const contents = new TimelineContents(ground, (timelineId, roleNames) =>
    replicas.changed(timelineId, roleNames),
  );
  const info = () => describe(ground, endpoints);
  const run = (shutdown: Shutdown) => {
    reporter = openReporter(ground, { endpoints, past, info, shutdown });
    tick({ ground, endpoints, timeTravel, replicas, proxies, reporter, shutdown });
    keepHistory({ ground, keeper, endpoints, reporter, shutdown });
    const limitMs = SUSPEND_ALL_LIMIT_MS;
    shutdown.add({
      name: 'views of the past',
      limitMs,
      run: () => timeTravel[Symbol.asyncDispose](),
    });
    shutdown.add({ name: 'computes', limitMs, run: () => endpoints.close() });
  };
  const putTimeline = async (spec: TimelineSpec) => {
    const { timelineId, historyRetentionSeconds: kept } = spec;
    const isShorter =
      timelines.isReady(timelineId) &&
      timelines.ready(timelineId).spec.historyRetentionSeconds > kept;
    const origin = await putWithPasswords(ground, spec);
    if (isShorter) await keeper.expire(timelineId);
    return origin;
  };
  const putEndpoint = async (spec: EndpointSpec) => {
    try {
      return await endpoints.put(spec);
    } finally {
      // Of one that is refused for its settings the rest was taken.
      await timeTravel.follow(spec.endpointId);
    }
  };
  const deleteEndpoint = async (endpointId: EndpointId) => {
    await endpoints.delete(endpointId);
    await timeTravel.follow(endpointId);
  };
  const services = { timelines, endpoints, proxies, arrivals, contents, past };
  return { ...services, putTimeline, putEndpoint, deleteEndpoint, timeTravel, info, run };
}

interface EndpointWiring {
  readonly arrivals: Arrivals;
  readonly onChange: EndpointParts['onChange'];
  readonly onRest: EndpointParts['onRest'];
}

function openEndpoints(ground: Ground, { arrivals, onChange, onRest }: EndpointWiring): Endpoints {
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
    computes: store('computes', isComputeRecord),
    specs: store('endpoints', isEndpointSpec),
    usage: store('usage', isUsageRecord),
    refusedSettings: new RefusedSettings(),
    startTimeoutMs,
    launchTimeoutMs: LAUNCH_TIMEOUT_MS,
    onChange,
    onRest,
  });
}

function describe(ground: Ground, endpoints: Endpoints): HostInfo {
  const { options, volume, sandbox, builds } = ground;
  return {
    hostId: options.hostId,
    regionId: options.regionId,
    volumeDriver: volume.driver,
    sandbox: sandbox.level,
    pgMajors: [...builds.majors],
    preloadLibraries: [...builds.preloadLibraries],
    endpoints: endpoints.size,
    running: endpoints.running().length,
  };
}

interface ReporterWiring {
  readonly endpoints: Endpoints;
  readonly past: Past;
  readonly info: () => HostInfo;
  readonly shutdown: Shutdown;
}

function openReporter(
  { options, timelines }: Ground,
  { endpoints, past, info, shutdown }: ReporterWiring,
): Reporter | undefined {
  const { controlAddress, token, hostId, address, log } = options;
  if (controlAddress === undefined) return undefined;
  const rpc = new RpcClient(controlAddress, token);
  const reporter = new Reporter({
    hostId,
    control: createControlClient(rpc),
    describe: () => ({ address, info: info() }),
    measure: (timelineId) => measure(timelineId, { timelines, past }),
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

// Control does not know of the timelines that show the past of others.
async function measure(
  timelineId: TimelineId,
  { timelines, past }: { readonly timelines: Timelines; readonly past: Past },
): Promise<TimelineStatus | undefined> {
  const isMeasured = () =>
    timelines.isReady(timelineId) && timelines.ready(timelineId).ephemeral !== true;
  if (!isMeasured()) return undefined;
  try {
    return await past.status(timelineId);
  } catch (error) {
    if (isMeasured()) throw error;
    return undefined;
  }
}

interface HistoryKeeping {
  readonly ground: Ground;
  readonly keeper: HistoryKeeper;
  readonly endpoints: Endpoints;
  readonly reporter: Reporter | undefined;
  readonly shutdown: Shutdown;
}

/** Looks after the past of what runs every second, and after everybody's now and then. */
function keepHistory({ ground, keeper, endpoints, reporter, shutdown }: HistoryKeeping): void {
  const runs = () => endpoints.running().flatMap(({ running }) => (running ? [running] : []));
  const timers = [
    setInterval(() => void keeper.look(runs()), TICK_MS),
    setInterval(() => void keeper.tidyUp(), EXPIRE_EVERY_MS),
    setInterval(() => {
      for (const { timelineId } of runs()) reporter?.grown(timelineId);
    }, MEASURE_EVERY_MS),
    setInterval(() => {
      ground.volume.trim().catch((error: unknown) => {
        ground.log.warn({ err: error }, 'freed space could not be given back to the disk');
      });
    }, TRIM_EVERY_MS),
  ];
  shutdown.add({
    name: 'history',
    limitMs: 10_000,
    run: async () => {
      for (const timer of timers) clearInterval(timer);
      await keeper[Symbol.asyncDispose]();
    },
  });
}

interface Ticking {
  readonly ground: Ground;
  readonly endpoints: Endpoints;
  readonly timeTravel: TimeTravel;
  readonly replicas: ReplicaWatch;
  readonly proxies: Proxies;
  readonly reporter: Reporter | undefined;
  readonly shutdown: Shutdown;
}

function tick(parts: Ticking): void {
  const { ground, endpoints, timeTravel, replicas, proxies, reporter, shutdown } = parts;
  let count = 0;
  const { log } = ground.options;
  const writes = new WriteWatch({
    ...ground,
    log,
    onOtherSide: ({ spec }) => endpoints.renew(spec.endpointId),
  });
  const timer = setInterval(() => {
    proxies.forgetSilent();
    if (++count % REPORT_RUNNING_EVERY_TICKS > 0) return;
    const running = endpoints.running();
    void writes.look(running);
    void replicas.look();
    timeTravel.meter();
    for (const { spec } of running) reporter?.changedSlightly(spec.endpointId);
  }, TICK_MS);
  shutdown.add({ name: 'ticks', limitMs: 1000, run: async () => clearInterval(timer) });
}
