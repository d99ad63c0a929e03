import { readControlFile } from '@pgfleet/compute';
import type { ClusterContent } from '@pgfleet/compute';
import { hasErrorCode, readJsonFile, writeFileAtomic } from '@pgfleet/kit';

interface Capture {
  /** Where the cluster's last checkpoint began; a bigint in text. */
  readonly checkpointLsn: string;
  readonly verifiers: Readonly<Record<string, string>>;
  readonly content?: ClusterContent;
}

export interface RestingPlace {
  readonly dataDirectory: string;
  /** The file of what was captured. */
  readonly path: string;
}

/**
 * Keeps the verifiers of all login roles of a cluster at rest, and the roles and databases that the
 * API shows, as they were when its last client was gone.
 *
 * They are bound to the shutdown checkpoint: once the cluster has run again, whoever stopped it
 * and however, they no longer count. So nothing has to be invalidated when it starts.
 */
export async function captureContent(
  { dataDirectory, path }: RestingPlace,
  {
    verifiers,
    content,
  }: {
    readonly verifiers: ReadonlyMap<string, string>;
    readonly content: ClusterContent;
  },
): Promise<void> {
  const checkpointLsn = String(readControlFile(dataDirectory).checkpointLsn);
  const capture: Capture = { checkpointLsn, verifiers: Object.fromEntries(verifiers), content };
  await writeFileAtomic(path, JSON.stringify(capture), { durable: false });
}

/** Returns the verifiers by role, or `undefined` when only the running cluster would know them. */
export function readCapturedVerifiers(
  place: RestingPlace,
): ReadonlyMap<string, string> | undefined {
  const capture = readValidCapture(place);
  return capture && new Map(Object.entries(capture.verifiers));
}

/** Returns the roles and databases, or `undefined` when only the running cluster would know them. */
export function readCapturedContent(place: RestingPlace): ClusterContent | undefined {
  return readValidCapture(place)?.content;
}

/** Gives a copy of a cluster at rest the capture of its source; without one, it has to be asked. */
export async function copyCapturedVerifiers(from: string, to: string): Promise<void> {
  const capture = readCapture(from);
  if (capture) await writeFileAtomic(to, JSON.stringify(capture), { durable: false });
}

function readValidCapture({ dataDirectory, path }: RestingPlace): Capture | undefined {
  const capture = readCapture(path);
  if (!capture) return undefined;
  const { state, checkpointLsn } = readControlFile(dataDirectory);
  return state === 'shut_down' && String(checkpointLsn) === capture.checkpointLsn
    ? capture
    : undefined;
}

// A capture is only a short cut: one that a power loss left torn counts as none.
function readCapture(path: string): Capture | undefined {
  try {
    return readJsonFile(path) as Capture | undefined;
  } catch (error) {
    if (error instanceof Error && hasErrorCode(error.cause, 'EACCES', 'EIO')) throw error;
    return undefined;
  }
}
