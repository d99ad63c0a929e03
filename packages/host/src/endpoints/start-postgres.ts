import {
  admitStandbys,
  DataDirectory,
  followerSettings,
  inPlaceSettings,
  preparedRoom,
  standbyRoom,
  standbySettings,
  startInstance,
} from '@pgfleet/compute';
import type {
  Instance,
  InstanceSettings,
  LimitGroup,
  PostgresSettings,
  StartInstanceOptions,
} from '@pgfleet/compute';
import type { EndpointSpec } from '@pgfleet/contract';
import { primaryOf } from './follower.ts';
import { seizeTimelineLock } from '../timelines/timeline-lock.ts';
import { captureBeginning } from '../restore/capture-point.ts';
import type { TimelineRecord } from '../timelines/timeline-record.ts';
import { instancePlace } from './compute-parts.ts';
import type { ComputeParts } from './compute-parts.ts';
import type { ComputePlace } from './compute-place.ts';
import { computeSettings } from './compute-settings.ts';
import { launchLimits } from './limits-for.ts';
import type { PhaseTimer } from './phase-timer.ts';

/**
 * For how long a recovery may take on either side of the moment from which on it can be watched: a
 * standby whose WAL breaks off waits for ever, and there is another way then. Points of history are
 * taken often enough for much less.
 */
export const IN_PLACE_TIMEOUT_MS = 30_000;

export interface StartPostgresOptions {
  readonly limitGroup: LimitGroup;
  readonly place: ComputePlace;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly phases: PhaseTimer;
}

export interface StartedPostgres {
  readonly instance: Instance;
  /** Names of the settings that its command line has beyond what the endpoint asks for. */
  readonly raised: readonly string[];
}

/** Starts the instance of an endpoint under the lock of its timeline. */
export async function startPostgres(
  parts: ComputeParts,
  spec: EndpointSpec,
  { limitGroup, timeoutMs, signal, phases, ...options }: StartPostgresOptions,
): Promise<StartedPostgres> {
  const { timelines, builds, sandbox, layout } = parts;
  const timeline = timelines.ready(spec.timelineId);
  const replays = timeline.pending !== undefined || timeline.follows !== undefined;
  const view = await builds.view(timeline.spec.pgMajor);
  const place = instancePlace(parts, { ...spec, place: options.place });
  using lock = await seizeTimelineLock(place, signal);
  phases.mark('lock');
  await prepareStart(parts, timeline, signal);
  limitGroup.set(launchLimits(spec));
  phases.mark('limits');
  const { raised, ...settings } = await launchSettings(parts, spec, timeline);
  const instance = await startInstance({
    ...place,
    ...timelines.owner(timeline),
    limitGroup,
    view,
    sandbox,
    lock,
    logFile: layout.log(spec.endpointId),
    ...settings,
    timeoutMs: replays ? Math.min(timeoutMs, IN_PLACE_TIMEOUT_MS) : timeoutMs,
    signal,
  });
  phases.mark('postgres');
  return { instance, raised };
}

/**
 * What is to be done to a cluster at rest before it runs: a copy that never ran has its beginning
 * frozen, and one that shows the past is made a standby of nobody, in which nothing can be written.
 */
async function prepareStart(
  parts: ComputeParts,
  timeline: TimelineRecord,
  signal: AbortSignal,
): Promise<void> {
  const { timelineId } = timeline.spec;
  if (timeline.ephemeral) {
    using files = DataDirectory.open(parts.timelines.dataDirectory(timelineId));
    await files.write('standby.signal', '');
  } else {
    await captureBeginning(parts, timelineId, signal);
    await admitStandbys(parts.timelines.dataDirectory(timelineId));
  }
}

type LaunchSettings = Pick<StartInstanceOptions, 'settings' | 'changeable' | 'primary'>;

async function launchSettings(
  parts: ComputeParts,
  spec: EndpointSpec,
  timeline: TimelineRecord,
): Promise<LaunchSettings & Pick<StartedPostgres, 'raised'>> {
  const asked = await computeSettings(parts, spec, timeline);
  const given = await withRoom(parts, timeline, asked);
  const names = Object.keys(given.settings);
  return { ...given, raised: names.filter((name) => given.settings[name] !== asked.fixed[name]) };
}

// A cluster that shows the past needs what it had then, whatever its endpoint has now; and so does one
// that has to get through its past first.
async function withRoom(
  parts: ComputeParts,
  timeline: TimelineRecord,
  { fixed, changeable }: InstanceSettings,
): Promise<LaunchSettings> {
  const dataDirectory = parts.timelines.dataDirectory(timeline.spec.timelineId);
  if (timeline.follows) {
    const followed = parts.timelines.dataDirectory(timeline.follows);
    const room = standbyRoom(followed, { ...changeable, ...fixed });
    const settings = followerSettings(dataDirectory, { ...fixed, ...room });
    return { settings, changeable, primary: await primaryOf(parts, timeline.follows) };
  }
  if (timeline.ephemeral) {
    return { settings: standbySettings(dataDirectory, { ...changeable, ...fixed }) };
  }
  const settings = timeline.pending
    ? inPlaceSettings(dataDirectory, fixed, timeline.pending)
    : { ...fixed, ...(await roomForPrepared(dataDirectory, changeable)) };
  return { settings, changeable };
}

// What was prepared when there was room for it has to be there until it is committed, whatever an
// endpoint has now: in its first run a copy has the room of a recovery.
async function roomForPrepared(
  dataDirectory: string,
  { max_prepared_transactions: asked = '0' }: InstanceSettings['changeable'],
): Promise<PostgresSettings> {
  const room = await preparedRoom(dataDirectory);
  return room > Number(asked) ? { max_prepared_transactions: String(room) } : {};
}
