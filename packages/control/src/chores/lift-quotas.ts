import { settleExceededQuotas } from '../store/quotas.ts';
import type { ScheduleContext } from './fire-backup-schedules.ts';

const BATCH = 100;

/** Lets the computes of projects run again whose quota is new, as it is every month. */
export async function liftQuotas({
  db,
  worker,
}: Pick<ScheduleContext, 'db' | 'worker'>): Promise<void> {
  if (await settleExceededQuotas(db, BATCH)) worker.kick();
}
