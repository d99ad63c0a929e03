import { detectLimits, detectSandbox } from '@pgfleet/compute';
import type { LimitSupport } from '@pgfleet/compute';
import { FileLock, waitUntil } from '@pgfleet/kit';
import type { Shutdown } from '@pgfleet/kit';
import { openVolume } from '@pgfleet/volume';
import type { Volume } from '@pgfleet/volume';
import type { HostOptions } from './host-options.ts';
import { beginningOf } from './history/beginning.ts';
import { Histories } from './history/histories.ts';
import { KnownHeads } from './history/known-heads.ts';
import { Loans } from './history/loans.ts';
import { WalStores } from './history/wal-stores.ts';
import type { CopyParts } from './restore/copy-parts.ts';
import { forgetHistory } from './restore/forget-history.ts';
import { makeTree } from './restore/make-tree.ts';
import { remakeTree } from './restore/remake-tree.ts';
import { HostLayout } from './storage/host-layout.ts';
import { Semaphore } from './storage/semaphore.ts';
import { PostgresBuilds } from './timelines/postgres-builds.ts';
import { SpareClones } from './timelines/spare-clones.ts';
import { Templates } from './timelines/templates.ts';
import { TimelineClaims } from './timelines/timeline-claims.ts';
import { Timelines } from './timelines/timelines.ts';
import { UidCounter } from './timelines/uid-counter.ts';

/** What a host stands on: its directories, its machine, its timelines. */
export interface Ground extends CopyParts {
  readonly options: HostOptions;
  readonly limitSupport: LimitSupport;
  readonly templates: Templates;
  readonly spares: SpareClones;
}

const LOCK_WAIT_MS = 2000;
const SPARE_CLONES = 4;
const RECOVERIES_AT_ONCE = 2;
// Each has a Postgres of its own, and a pg_dump that may take half a gigabyte.
const DUMPS_AT_ONCE = 2;
const MAX_WAITING_DUMPS = 50;
// Where nothing runs, each has a Postgres of its own as well, and may take half a minute.
const ANALYSES_AT_ONCE = 2;
const MAX_WAITING_ANALYSES = 50;

/** Takes possession of the host's directory and opens what lies in it; starts nothing. */
export async function openGround(options: HostOptions, shutdown: Shutdown): Promise<Ground> {
  const { hostDir, runDir, uidFile, secrets, log, spareClones: target = SPARE_CLONES } = options;
  const layout = new HostLayout(hostDir, runDir);
  layout.create();
  await lockHost(layout, shutdown);
  const volume = await openHostVolume(options, layout, shutdown);
  const builds = await PostgresBuilds.open(layout.viewsDir);
  const view = await builds.view(builds.preferredMajor);
  const sandbox = await detectSandbox({ view, directory: volume.root });
  const uids = new UidCounter(uidFile);
  const directory = layout.records('templates');
  const common = { layout, volume, builds, sandbox, uids, secrets, log };
  const templates = await Templates.open({ ...common, directory });
  const spares = await SpareClones.open({ ...common, templates, target });
  shutdown.add({ name: 'spare clones', limitMs: 10_000, run: () => spares[Symbol.asyncDispose]() });
  const claims = new TimelineClaims();
  const histories: Histories = new Histories({
    directory: layout.records('history'),
    beginning: (timelineId) => beginningOf(timelines.find(timelineId)),
  });
  const timelines: Timelines = new Timelines({
    ...common,
    makeTree: (order) => makeTree({ ...copyParts, templates, spares, uids }, order),
    remakeTree: (order, pending) =>
      remakeTree({ ...copyParts, templates, spares, uids }, order, pending),
    forgetHistory: (timelineId) => forgetHistory(copyParts, timelineId),
  });
  const loans = new Loans(layout.records('loans'));
  const walStores = new WalStores(volume);
  const recoveries = new Semaphore(RECOVERIES_AT_ONCE);
  const dumps = new Semaphore(DUMPS_AT_ONCE, { maxWaiting: MAX_WAITING_DUMPS });
  const analyses = new Semaphore(ANALYSES_AT_ONCE, { maxWaiting: MAX_WAITING_ANALYSES });
  const history = { histories, loans, walStores, knownHeads: new KnownHeads() };
  const places = { recoveries, dumps, analyses };
  const copyParts: CopyParts = { ...common, ...history, ...places, timelines, claims };
  return { options, ...copyParts, limitSupport: detectLimits(), templates, spares };
}

// A killed predecessor may still be dying; one that lives is not waited for.
async function lockHost({ hostLock }: HostLayout, shutdown: Shutdown): Promise<void> {
  const lock = await waitUntil(() => FileLock.tryAcquire(hostLock), {
    what: `the other host process that holds ${hostLock}`,
    timeoutMs: LOCK_WAIT_MS,
    intervalMs: 50,
  });
  shutdown.add({ name: 'host lock', limitMs: 1000, run: async () => lock.release() });
}

async function openHostVolume(
  { volume: driver = 'auto', log }: HostOptions,
  { volumeDir: directory }: HostLayout,
  shutdown: Shutdown,
): Promise<Volume> {
  const volume = await openVolume({ directory, driver, log });
  shutdown.add({ name: 'volume', limitMs: 30_000, run: async () => volume[Symbol.asyncDispose]() });
  return volume;
}
