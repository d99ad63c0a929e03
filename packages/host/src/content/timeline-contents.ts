import { AdminConnection, changeContent, checkMasking, readContent } from '@pgfleet/compute';
import type { ClusterAccess, ClusterContent } from '@pgfleet/compute';
import type {
  AdvisorIssueList,
  ContentChange,
  IssuesRequest,
  MaskingRule,
  TimelineContent,
  TimelineId,
} from '@pgfleet/contract';
import type { ComputeRun } from '../endpoints/compute-run.ts';
import { toHostError } from '../host-error.ts';
import { understoodRule } from '../restore/understood-rule.ts';
import { captureBeginning } from '../restore/capture-point.ts';
import type { CopyParts } from '../restore/copy-parts.ts';
import { runAtRest } from '../restore/run-at-rest.ts';
import { whileSettled } from '../restore/while-settled.ts';
import { KeyedQueue } from '../storage/keyed-queue.ts';
import { readCapturedContent } from '../timelines/resting-verifiers.ts';
import { timelineIssues } from './timeline-issues.ts';

type Work<T> = (access: ClusterAccess) => Promise<T>;

interface Asked<T> {
  readonly work: Work<T>;
  /** Ends the work. */
  readonly signal?: AbortSignal;
}

/** Called when a timeline was changed, with the roles whose sessions are to end. */
type OnChange = (timelineId: TimelineId, roleNames: readonly string[]) => Promise<void>;

// A client that stays in the middle of a login keeps Postgres from dropping a database for a minute.
const STATEMENT_TIMEOUT_MS = 100_000;

/**
 * The roles and databases of timelines, as the API shows and changes them: in the running compute, or
 * in one at rest that runs for this alone and whose socket no client finds.
 */
export class TimelineContents {
  readonly #parts: CopyParts;
  readonly #onChange: OnChange;
  readonly #queue = new KeyedQueue();

  constructor(parts: CopyParts, onChange: OnChange = async () => undefined) {
    this.#parts = parts;
    this.#onChange = onChange;
  }

  /**
   * Makes changes, one timeline at a time, and returns what there is then. Whoever went away before they
   * were begun gets none; later they are made all the same.
   *
   * @throws PgfleetError `timeline_not_found`, `change_refused`, `timeline_locked`, `unavailable`; the
   * reason of the signal.
   */
  change(
    timelineId: TimelineId,
    changes: readonly ContentChange[],
    signal: AbortSignal,
  ): Promise<TimelineContent> {
    return this.#queue.run(timelineId, async () => {
      try {
        signal.throwIfAborted();
        const content = await this.#change(timelineId, changes, signal);
        if (changes.length > 0) await this.#onChange(timelineId, changes.flatMap(lockedOut));
        return shown(content);
      } catch (error) {
        throw toHostError(error, 'unavailable');
      }
    });
  }

  /**
   * Checks that the columns of masking rules are there, and can be masked.
   *
   * @throws PgfleetError `timeline_not_found`, `masking_refused`, `timeline_locked`, `unavailable`; the
   * reason of the signal.
   */
  async checkMasking(
    timelineId: TimelineId,
    rules: readonly MaskingRule[],
    signal: AbortSignal,
  ): Promise<void> {
    const understood = rules.map(understoodRule);
    await this.#queue.run(timelineId, async () => {
      try {
        signal.throwIfAborted();
        await this.#parts.timelines.remade(timelineId);
        this.#parts.timelines.ready(timelineId);
        const work: Work<void> = (access) => checkMasking(access, understood);
        await this.#work(timelineId, { work, signal });
      } catch (error) {
        throw toHostError(error, 'unavailable');
      }
    });
  }

  /** As {@link timelineIssues}. */
  issues(
    timelineId: TimelineId,
    request: IssuesRequest,
    signal: AbortSignal,
  ): Promise<AdvisorIssueList> {
    return timelineIssues(this.#parts, timelineId, { ...request, signal });
  }

  async #change(
    timelineId: TimelineId,
    changes: readonly ContentChange[],
    signal: AbortSignal,
  ): Promise<ClusterContent> {
    await this.#parts.timelines.remade(timelineId);
    this.#parts.timelines.ready(timelineId);
    const isQuestion = changes.length === 0;
    const known = isQuestion ? this.#captured(timelineId) : undefined;
    if (known) return known;
    const work: Work<ClusterContent> = async (access) => {
      for (const change of changes) await changeContent(access, change);
      return readContent(access.connection);
    };
    return this.#work(timelineId, { work, ...(isQuestion && { signal }) });
  }

  #captured(timelineId: TimelineId): ClusterContent | undefined {
    const { timelines, layout } = this.#parts;
    const { pending } = timelines.ready(timelineId);
    if (pending) return pending.content;
    const dataDirectory = timelines.dataDirectory(timelineId);
    return readCapturedContent({ dataDirectory, path: layout.verifiers(timelineId) });
  }

  async #work<T>(timelineId: TimelineId, { work, signal: wanted }: Asked<T>): Promise<T> {
    const parts = this.#parts;
    for (;;) {
      const atRest = await whileSettled<{ readonly result: T } | undefined>(
        parts,
        { timelineId, signal: wanted },
        {
          running: () => undefined,
          resting: async (_rest, signal, lock) => {
            await captureBeginning(parts, timelineId, signal);
            const result = await runAtRest(parts, timelineId, {
              signal,
              lock,
              work: ({ connection, ...login }) =>
                work({
                  connection,
                  open: (database) =>
                    AdminConnection.open({ ...login, database, timeoutMs: STATEMENT_TIMEOUT_MS }),
                }),
            });
            return { result };
          },
        },
      );
      if (atRest) return atRest.result;
      const run = parts.claims.running(timelineId);
      if (run) return inRun(run, work);
    }
  }
}

async function inRun<T>(run: ComputeRun, work: Work<T>): Promise<T> {
  const open = (database: string) => run.connect({ timeoutMs: STATEMENT_TIMEOUT_MS, database });
  await using connection = await open('postgres');
  return await work({ connection, open });
}

// Whose sessions end with a change.
function lockedOut(change: ContentChange): readonly string[] {
  return change.kind === 'set_password' || change.kind === 'drop_role' ? [change.name] : [];
}

function shown({ roles, databases }: ClusterContent): TimelineContent {
  return {
    roles: [...roles],
    databases: databases.map(({ name, owner }) => ({ name, ownerName: owner })),
  };
}
