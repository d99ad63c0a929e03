import {
  markHead,
  readContent,
  readControlFile,
  readOwnWalCount,
  readVerifiers,
} from '@pgfleet/compute';
import type { AdminConnection, ClusterContent, Head, WalCount } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';
import type { Histories } from '../history/histories.ts';
import type { RestMark } from '../history/history-record.ts';
import { formatLsn } from '../history/wal-segment.ts';
import type { HostLayout } from '../storage/host-layout.ts';
import { readFootprint } from './footprint.ts';
import { captureContent } from './resting-verifiers.ts';
import type { Timelines } from './timelines.ts';

export interface RestParts {
  readonly layout: HostLayout;
  readonly timelines: Timelines;
  readonly histories: Histories;
}

/** What a compute knows of itself when it is about to stop. */
export interface LastWords {
  readonly head: Head;
  readonly verifiers: ReadonlyMap<string, string>;
  readonly content: ClusterContent;
  readonly logicalBytes: number;
  /** Whether a copy has subscriptions that would have to be silenced before it runs. */
  readonly hasSubscriptions: boolean;
  /** What was written, the mark of the head included. */
  readonly wal: WalCount;
}

/** Asks a cluster that nobody writes to any more. */
export async function readLastWords(connection: AdminConnection): Promise<LastWords> {
  const verifiers = await readVerifiers(connection);
  const content = await readContent(connection);
  const footprint = await readFootprint(connection);
  const head = await markHead(connection);
  return { head, verifiers, content, ...footprint, wal: await readOwnWalCount(connection) };
}

/** Keeps what was said last, bound to the clean stop that followed. */
export async function noteRest(
  { layout, timelines, histories }: RestParts,
  timelineId: TimelineId,
  { head, verifiers, content, logicalBytes, hasSubscriptions, wal }: LastWords,
): Promise<void> {
  const dataDirectory = timelines.dataDirectory(timelineId);
  await captureContent(
    { dataDirectory, path: layout.verifiers(timelineId) },
    { verifiers, content },
  );
  const { checkpointLsn, state } = readControlFile(dataDirectory);
  if (state !== 'shut_down') return;
  const restLsn = formatLsn(checkpointLsn);
  await histories.update(timelineId, (history) => ({
    ...history,
    rest: { lsn: restLsn, at: head.at, hasSubscriptions, wal },
    logicalBytes,
  }));
}

/** The mark of the last clean stop; `undefined` when the cluster ran since, or never ran. */
export async function validRestMark(
  { timelines, histories }: Pick<RestParts, 'timelines' | 'histories'>,
  timelineId: TimelineId,
): Promise<RestMark | undefined> {
  const { rest } = await histories.get(timelineId);
  const { state, checkpointLsn } = readControlFile(timelines.dataDirectory(timelineId));
  return rest && state === 'shut_down' && rest.lsn === formatLsn(checkpointLsn) ? rest : undefined;
}
