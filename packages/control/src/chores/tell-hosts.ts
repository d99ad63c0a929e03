import { newOperations } from '../domain/new-operation.ts';
import { insertOperations } from '../store/operations.ts';
import { listUnheardEndpoints } from '../store/unheard-endpoints.ts';
import type { ScheduleContext } from './fire-backup-schedules.ts';

const BATCH = 1000;

/**
 * Has hosts told of changes that they do not know and that no operation is about any more. That two
 * processes do so at the same time does no harm.
 */
export async function tellHosts({
  db,
  worker,
}: Pick<ScheduleContext, 'db' | 'worker'>): Promise<void> {
  const unheard = await listUnheardEndpoints(db, BATCH);
  if (unheard.length === 0) return;
  await insertOperations(
    db,
    unheard.flatMap(({ id: endpointId, projectId, branchId }) =>
      newOperations({ projectId, branchId, endpointId }, ['apply_config']),
    ),
  );
  worker.kick();
}
