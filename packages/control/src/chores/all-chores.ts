import type { Chore } from '../sweeper.ts';
import { expireBranches, purgeBranches } from './expire-branches.ts';
import { expireSnapshots } from './expire-snapshots.ts';
import { fireBackupSchedules } from './fire-backup-schedules.ts';
import type { ScheduleContext } from './fire-backup-schedules.ts';
import { forgetAnswers, forgetHistory } from './forget-old-rows.ts';
import { liftQuotas } from './lift-quotas.ts';
import { purgeProjects } from './purge-projects.ts';
import { runRestoreDrills } from './run-restore-drills.ts';
import type { DrillContext } from './run-restore-drills.ts';
import { tellHosts } from './tell-hosts.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** Everything that control does from time to time, and how often. */
export function allChores(
  context: ScheduleContext & DrillContext,
  { drills }: { readonly drills: boolean },
): Chore[] {
  const { db } = context;
  const often = 5 * SECOND_MS;
  return [
    { name: 'fire backup schedules', everyMs: often, run: () => fireBackupSchedules(context) },
    { name: 'expire branches', everyMs: often, run: () => expireBranches(context) },
    { name: 'expire snapshots', everyMs: often, run: () => expireSnapshots(context) },
    { name: 'lift quotas', everyMs: 2 * often, run: () => liftQuotas(context) },
    { name: 'tell hosts', everyMs: 2 * often, run: () => tellHosts(context) },
    { name: 'purge branches', everyMs: MINUTE_MS, run: () => purgeBranches(context) },
    { name: 'purge projects', everyMs: MINUTE_MS, run: () => purgeProjects(context) },
    { name: 'forget answers', everyMs: 10 * MINUTE_MS, run: (signal) => forgetAnswers(db, signal) },
    { name: 'forget history', everyMs: 60 * MINUTE_MS, run: (signal) => forgetHistory(db, signal) },
    ...(drills ? [drillChore(context)] : []),
  ];
}

function drillChore(context: DrillContext): Chore {
  const run = (signal: AbortSignal) => runRestoreDrills(context, signal);
  return { name: 'restore drills', everyMs: MINUTE_MS, run };
}
