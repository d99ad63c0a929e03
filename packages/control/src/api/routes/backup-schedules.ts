import { BackupSchedule } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { nextFiringOf, requireSchedule } from '../../domain/backup-schedule.ts';
import { requireRoot } from '../../domain/branch-rules.ts';
import { getBackupSchedule, putBackupSchedule } from '../../store/backup-schedules.ts';
import { getBranch } from '../../store/branches.ts';
import { getProject, lockProject } from '../../store/projects.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { requireMatch } from '../etag.ts';
import { mutate } from '../mutation.ts';
import { backupScheduleObject } from '../objects.ts';
import { BranchParams } from './params.ts';

const path = '/projects/:project_id/branches/:branch_id/backup_schedule';

/** When snapshots of a branch are taken by themselves. */
export function backupScheduleRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db } = context;

  app.get<{ Params: BranchParams }>(
    path,
    { schema: { params: BranchParams } },
    async (request): Promise<BackupSchedule> => {
      const { project_id: projectId, branch_id: branchId } = request.params;
      const project = await getProject(db, projectId, principalOf(request));
      const { id } = await getBranch(db, project.id, branchId);
      return { schedule: [...(await getBackupSchedule(db, id))] };
    },
  );

  app.put<{ Params: BranchParams; Body: BackupSchedule }>(
    path,
    { schema: { params: BranchParams, body: BackupSchedule } },
    (request, reply) => {
      const { schedule } = request.body;
      requireSchedule(schedule);
      return mutate(context, { request, reply }, async (tx) => {
        const { project_id: projectId, branch_id: branchId } = request.params;
        const project = await lockProject(tx, projectId, principalOf(request));
        const branch = await getBranch(tx, project.id, branchId);
        const { id } = branch;
        const reread = backupScheduleObject(id);
        await requireMatch(request, () => reread(tx));
        // A root that got a parent keeps the schedule it has: backups must not end unnoticed.
        if (schedule.length > 0) requireRoot(branch);
        const nextAt = nextFiringOf(schedule, new Date());
        await putBackupSchedule(tx, id, { schedule, nextAt });
        return { status: 200, body: {}, reread };
      });
    },
  );
}
