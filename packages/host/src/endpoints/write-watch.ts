import { DataDirectory, readWalCount } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import type { Logger } from '@pgfleet/kit';
import type { Histories } from '../history/histories.ts';
import { parseSegmentName } from '../history/wal-segment.ts';
import { inParallel } from '../in-parallel.ts';
import { readFootprint } from '../timelines/footprint.ts';
import type { Timelines } from '../timelines/timelines.ts';
import type { ComputeRun } from './compute-run.ts';
import type { Endpoint } from './endpoint.ts';
import { isOverSizeLimit } from './size-limit.ts';

export interface WriteWatchParts {
  readonly timelines: Timelines;
  readonly histories: Histories;
  readonly log: Logger;
  /** Called when a compute is to have other settings, since its timeline came to another side of its limit. */
  readonly onOtherSide: (endpoint: Endpoint) => Promise<void>;
}

const AT_ONCE = 8;
// Postgres counts what an idle session wrote ten seconds later, and a look may come just before.
const COUNTED_AFTER_MS = 15_000;
const MEASURE_EVERY_MS = 60_000;
// Where there is a limit, this much may be written beyond it before it is noticed.
const MEASURE_EVERY_BYTES = 16 * 1024 * 1024;

/** What is known of a run. */
interface Sight {
  /** When it was last asked; before that, since when there may be something to ask for. */
  askedMs: number;
  measuredMs: number;
  /** What its endpoint had written by then. */
  measuredAtBytes: number;
  /** Whether it is yet to be told that its timeline came to another side of its limit. */
  isUntold: boolean;
  hasFailed: boolean;
}

/**
 * Asks running computes how much they have written, and now and then how large their data is. One
 * in which nothing is written, as the times of its WAL files show, is left alone: to be asked would
 * cost it a process.
 */
export class WriteWatch {
  readonly #parts: WriteWatchParts;
  readonly #sights = new WeakMap<ComputeRun, Sight>();
  readonly #busy = new Set<ComputeRun>();

  constructor(parts: WriteWatchParts) {
    this.#parts = parts;
  }

  /** Looks at all of these; those still being asked are left out. Resolves when all have answered. */
  look(endpoints: readonly Endpoint[]): Promise<void> {
    return inParallel(endpoints, AT_ONCE, async (endpoint) => {
      const { running: run } = endpoint;
      if (!run || this.#busy.has(run) || this.#isEphemeral(run)) return;
      this.#busy.add(run);
      try {
        await this.#lookAt(endpoint, run);
      } catch (error) {
        this.#report(error, endpoint, run);
      } finally {
        this.#busy.delete(run);
      }
    });
  }

  async #lookAt(endpoint: Endpoint, run: ComputeRun): Promise<void> {
    const sight = this.#sightOf(run, endpoint);
    const history = await this.#parts.histories.get(run.timelineId);
    const isMeasured = history.logicalBytes !== null;
    const isWriting = (await this.#writtenMs(run.timelineId)) + COUNTED_AFTER_MS >= sight.askedMs;
    const isToAsk = isWriting || !isMeasured || sight.isUntold || isMeasureDue(sight, endpoint);
    if (!isToAsk) return;
    sight.askedMs = Date.now();
    const count = await run.use(readWalCount);
    if (endpoint.running !== run) return;
    endpoint.usage.wrote(run, count);
    // Whoever has too much and deletes some is to write again soon.
    const isOver = isOverSizeLimit(endpoint.spec, history);
    if (!isMeasured || isOver || isMeasureDue(sight, endpoint)) {
      await this.#measure(sight, endpoint, run);
    }
    sight.hasFailed = false;
  }

  #isEphemeral({ timelineId }: ComputeRun): boolean {
    return this.#parts.timelines.find(timelineId)?.ephemeral === true;
  }

  #sightOf(run: ComputeRun, endpoint: Endpoint): Sight {
    const known = this.#sights.get(run);
    if (known) return known;
    const startedMs = run.startedAt.getTime();
    const sight: Sight = {
      askedMs: startedMs + COUNTED_AFTER_MS,
      measuredMs: startedMs,
      measuredAtBytes: endpoint.usage.read().written.bytes,
      isUntold: false,
      hasFailed: false,
    };
    this.#sights.set(run, sight);
    return sight;
  }

  // Postgres writes to the newest segment, and renames nothing over it: none is recycled.
  async #writtenMs(timelineId: TimelineId): Promise<number> {
    using files = DataDirectory.open(this.#parts.timelines.dataDirectory(timelineId));
    const names = (await files.list('pg_wal')).filter((name) => parseSegmentName(name));
    const newest = names.sort().at(-1);
    return newest === undefined ? 0 : (files.stat(`pg_wal/${newest}`)?.changedMs ?? 0);
  }

  async #measure(sight: Sight, endpoint: Endpoint, run: ComputeRun): Promise<void> {
    const { histories, timelines, onOtherSide } = this.#parts;
    const { timelineId } = run;
    sight.measuredMs = Date.now();
    sight.measuredAtBytes = endpoint.usage.read().written.bytes;
    const { logicalBytes } = await run.use(readFootprint);
    if (endpoint.running !== run) return;
    const wasOver = isOverSizeLimit(endpoint.spec, await histories.get(timelineId));
    await histories.using(timelineId, async () => {
      timelines.ready(timelineId);
      await histories.update(timelineId, (history) => ({ ...history, logicalBytes }));
    });
    sight.isUntold ||= isOverSizeLimit(endpoint.spec, { logicalBytes }) !== wasOver;
    if (!sight.isUntold) return;
    await onOtherSide(endpoint);
    sight.isUntold = false;
  }

  // One that ends meanwhile does not answer.
  #report(error: unknown, endpoint: Endpoint, run: ComputeRun): void {
    const sight = this.#sightOf(run, endpoint);
    const isNews = endpoint.running === run && !sight.hasFailed;
    sight.hasFailed = true;
    const fields = { err: error, endpoint_id: run.endpointId };
    this.#parts.log[isNews ? 'warn' : 'debug'](fields, 'a compute was not asked what it wrote');
  }
}

function isMeasureDue({ measuredMs, measuredAtBytes }: Sight, endpoint: Endpoint): boolean {
  const hasLimit = endpoint.spec.logicalSizeLimitBytes !== undefined;
  const writtenBytes = endpoint.usage.read().written.bytes - measuredAtBytes;
  if (hasLimit && writtenBytes >= MEASURE_EVERY_BYTES) return true;
  return writtenBytes > 0 && Date.now() - measuredMs >= MEASURE_EVERY_MS;
}
