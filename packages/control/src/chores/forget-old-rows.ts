import type { Database } from '../store/database.ts';
import {
  findOldHour,
  forgetHour,
  forgetOldAnswers,
  forgetOldDrills,
  forgetOldOperations,
} from '../store/retention.ts';

/** Forgets what repeated calls were answered. */
export function forgetAnswers(db: Database, signal: AbortSignal): Promise<void> {
  return untilNone(() => forgetOldAnswers(db), signal);
}

/** Forgets what has happened so long ago that nobody asks for it any more. */
export async function forgetHistory(db: Database, signal: AbortSignal): Promise<void> {
  await untilNone(() => forgetOldOperations(db), signal);
  await untilNone(() => forgetOldDrills(db), signal);
  let hour = await findOldHour(db, null);
  while (hour && !signal.aborted) {
    await forgetHour(db, hour);
    hour = await findOldHour(db, hour);
  }
}

async function untilNone(forgetSome: () => Promise<number>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await forgetSome()) > 0);
}
