import type { ComputeQuota, EndpointId, ProjectId } from '@pgfleet/contract';
import { sql } from 'kysely';
import { carryChange } from '../domain/carry-change.ts';
import type { Database } from './database.ts';
import { touchEndpoints } from './endpoints.ts';
import { monthlyUsage } from './monthly-usage.ts';
import { insertOperations } from './operations.ts';
import { lockLiveProject, updateProject } from './projects.ts';
import type { OperationRow } from './schema.ts';

/*
 * Quotas of projects against what was metered of them in the present month. Which one is used up, if
 * any, stands in the project's row, and its hosts are told when that changes.
 */

/**
 * Looks again at the quotas of the projects of endpoints that have used something, and of nobody
 * else; returns whether there is anything for a worker to do.
 */
export async function settleQuotasOf(
  db: Database,
  endpointIds: readonly EndpointId[],
): Promise<boolean> {
  if (endpointIds.length === 0) return false;
  const { rows } = await sql<{ id: ProjectId }>`
    select distinct p.id from endpoints e join projects p on p.id = e.project_id
    where e.id = any(${[...endpointIds]}) and p.deleted_at is null
      and p.settings->'quota' is not null
      and ${exceeded} is distinct from p.exceeded_quota`.execute(db);
  return settleEach(db, rows);
}

/** Looks again at projects whose quota was used up in a month that is over. */
export async function settleExceededQuotas(db: Database, limit: number): Promise<boolean> {
  const rows = await db
    .selectFrom('projects')
    .select('id')
    .where('exceeded_until', '<=', sql<Date>`now()`)
    .where('deleted_at', 'is', null)
    .orderBy('exceeded_until')
    .limit(limit)
    .execute();
  return settleEach(db, rows);
}

/**
 * Compares what a project used with its quotas; where that changes whether its computes may run,
 * their host is told, and what runs is suspended. Wants a transaction that has locked the project.
 */
export async function settleQuota(tx: Database, projectId: ProjectId): Promise<OperationRow[]> {
  const { rows } = await sql<{ before: ComputeQuota | null; after: ComputeQuota | null }>`
    select p.exceeded_quota as before, ${exceeded} as after
    from projects p where p.id = ${projectId}`.execute(tx);
  const { before = null, after = null } = rows[0] ?? {};
  if (after) await lookAgainNextMonth(tx, projectId);
  if (before === after) return [];
  await updateProject(tx, projectId, {
    exceeded_quota: after,
    ...(after ? {} : { exceeded_until: null }),
  });
  const endpoints = await touchEndpoints(tx, projectId);
  return insertOperations(
    tx,
    endpoints.flatMap((endpoint) => {
      const subject = { projectId, branchId: endpoint.branch_id, endpointId: endpoint.id };
      return carryChange(subject, endpoint, after ? 'stop' : 'live');
    }),
  );
}

async function settleEach(
  db: Database,
  projects: readonly { readonly id: ProjectId }[],
): Promise<boolean> {
  for (const { id } of projects) {
    await db.transaction().execute(async (tx) => {
      if (await lockLiveProject(tx, id)) await settleQuota(tx, id);
    });
  }
  return projects.length > 0;
}

// What was used does not get less before.
function lookAgainNextMonth(tx: Database, projectId: ProjectId): Promise<unknown> {
  const nextMonth = sql<Date>`date_trunc('month', now(), 'UTC') + interval '1 month'`;
  return tx
    .updateTable('projects')
    .set({ exceeded_until: nextMonth })
    .where('id', '=', projectId)
    .execute();
}

// Zero is no limit.
const isUsedUp = (quota: ComputeQuota, used: string) =>
  sql`(p.settings->'quota'->>${sql.lit(quota)})::numeric > 0
    and ${sql.ref(used)} >= (p.settings->'quota'->>${sql.lit(quota)})::numeric`;

const exceeded = sql`(
  select case
    when ${isUsedUp('active_time_seconds', 'used.active_seconds')} then 'active_time_seconds'
    when ${isUsedUp('compute_time_seconds', 'used.cu_seconds')} then 'compute_time_seconds'
    when ${isUsedUp('data_transfer_bytes', 'used.bytes_out')} then 'data_transfer_bytes'
    when ${isUsedUp('written_data_bytes', 'used.written_bytes')} then 'written_data_bytes'
  end
  from ${monthlyUsage('project_id', 'p.id')} used)`;
