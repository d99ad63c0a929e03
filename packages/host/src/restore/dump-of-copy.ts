import { ComputeError, dumpSchema } from '@pgfleet/compute';
import type { DumpSchemaOptions } from '@pgfleet/compute';
import type { CopyParts } from './copy-parts.ts';
import { withPastCopy } from './past-copy.ts';
import type { PastAccess, PastOptions } from './past-copy.ts';

/**
 * Gives `work` a copy whose definitions are to be read, as soon as few others are.
 *
 * @throws PgfleetError `too_many_requests` when too many wait already; as {@link withPastCopy}.
 */
export function withCopyToDump<T>(
  parts: CopyParts,
  options: PastOptions,
  work: (access: PastAccess) => Promise<T>,
): Promise<T> {
  return parts.dumps.run(() => withPastCopy(parts, options, work), options.signal);
}

/** Dumps the schema of a database. Who runs the host reads in its log what would have to be installed. */
export async function dumpOfCopy(
  { log }: Pick<CopyParts, 'log'>,
  options: DumpSchemaOptions,
  dump = dumpSchema,
): Promise<string> {
  try {
    return await dump(options);
  } catch (error) {
    if (error instanceof ComputeError && error.code === 'pg_dump_missing') {
      log.warn({ err: error }, 'no pg_dump can dump this schema');
    }
    throw error;
  }
}
