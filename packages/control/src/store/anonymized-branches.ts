import type { BranchId, MaskingRule, UserId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { UpdateObject } from 'kysely';
import type { MaskingPlan } from '../domain/anonymize-branch.ts';
import { newOperations } from '../domain/new-operation.ts';
import { insertDerivedTimeline } from './create-branch.ts';
import type { Database } from './database.ts';
import { touchBranchEndpoints } from './endpoints.ts';
import { lockLeavingBranch } from './lock-branch.ts';
import { insertOperations } from './operations.ts';
import type { AnonymizationRow, BranchRow, OperationRow, Schema } from './schema.ts';

/*
 * The rows of anonymized branches. While one is being masked it is `resetting` and on its former
 * timeline, and nobody may see its data. Whoever changes them has locked the project.
 */

/** An anonymization, who started the latest attempt, and what became of its branch. */
export interface AnonymizationDetails extends AnonymizationRow {
  readonly starter_name: string | null;
  /** Whether the branch was given up before it had any data. */
  readonly is_unmade: boolean;
}

/** @throws PgfleetError `branch_not_anonymized`. */
export async function getAnonymization(
  db: Database,
  branchId: BranchId,
): Promise<AnonymizationDetails> {
  const row = await db
    .selectFrom('anonymizations as a')
    .leftJoin('users', 'users.id', 'a.started_by')
    .selectAll('a')
    .select('users.name as starter_name')
    .select(
      sql<boolean>`exists (select from operations o where o.branch_id = a.branch_id
        and o.action = 'create_branch' and o.timeline_id is null and o.status = 'failed')`.as(
        'is_unmade',
      ),
    )
    .where('a.branch_id', '=', branchId)
    .executeTakeFirst();
  if (!row) throw new PgfleetError('branch_not_anonymized');
  return row;
}

/** Whether nobody may see the data of a branch, because it is an anonymized one that is not masked. */
export async function isUnmasked(
  db: Database,
  { id, is_anonymized: isAnonymized }: Pick<BranchRow, 'id' | 'is_anonymized'>,
): Promise<boolean> {
  return isAnonymized && !(await getAnonymization(db, id)).is_open;
}

export async function insertAnonymization(
  db: Database,
  branchId: BranchId,
  rules: readonly MaskingRule[],
): Promise<void> {
  await db
    .insertInto('anonymizations')
    .values({ branch_id: branchId, rules: JSON.stringify(rules) })
    .execute();
}

/** Replaces the rules; an attempt that is under way goes on with those it began with. */
export function updateMaskingRules(
  db: Database,
  branchId: BranchId,
  rules: readonly MaskingRule[],
): Promise<unknown> {
  return update(db, branchId, { rules: JSON.stringify(rules) });
}

/** Begins an attempt: from now on nobody may see the data. Its operation is the caller's to insert. */
export async function startAnonymization(
  tx: Database,
  branch: Pick<BranchRow, 'id' | 'project_id'>,
  { plan, userId }: { readonly plan: MaskingPlan; readonly userId: UserId },
): Promise<void> {
  await insertDerivedTimeline(tx, plan.timeline, branch.project_id);
  await update(tx, branch.id, {
    state: 'anonymizing',
    status_message: 'the data is being masked',
    is_open: false,
    started_at: sql<Date>`now()`,
    completed_at: null,
    failed_at: null,
    started_by: userId,
    masked_columns: null,
  });
  await touchBranchEndpoints(tx, branch.id);
}

/** Notes that a branch is being masked; false when it has no data, or is gone. */
export function beginMasking(db: Database, operation: OperationRow): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const { branch, anonymization } = await lockMasking(tx, operation);
    if (anonymization.state !== 'anonymizing' || branch.deleted_at !== null) return false;
    if (branch.current_state === 'init') return false;
    await setResetting(tx, branch.id);
    return true;
  });
}

/** Puts a branch in the middle of an attempt; the contract has a state for that. */
export function setResetting(tx: Database, id: BranchId): Promise<unknown> {
  return tx
    .updateTable('branches')
    .set({
      current_state: 'resetting',
      pending_state: 'ready',
      state_changed_at: sql<Date>`now()`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .where('current_state', '=', 'ready')
    .execute();
}

/**
 * Puts a branch on its masked timeline, whose data anybody may see; the former one is to be deleted.
 * False when the attempt was given up.
 */
export function enterMaskedTimeline(db: Database, operation: OperationRow): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const { branch, anonymization, timelineId, subject } = await lockMasking(tx, operation);
    if (branch.timeline_id === timelineId) return true;
    if (anonymization.state !== 'anonymizing' || branch.deleted_at !== null) return false;
    const former = { ...subject, timelineId: branch.timeline_id };
    await insertOperations(tx, newOperations(former, ['delete_timeline']));
    await tx
      .updateTable('branches')
      .set({ timeline_id: timelineId, updated_at: sql<Date>`now()` })
      .where('id', '=', branch.id)
      .execute();
    await update(tx, branch.id, { is_open: true, masked_at: sql<Date>`now()` });
    await touchBranchEndpoints(tx, branch.id);
    return true;
  });
}

/** Notes that an attempt went well. */
export function endMasking(db: Database, operation: OperationRow): Promise<void> {
  return db.transaction().execute(async (tx) => {
    const { branch, timelineId } = await lockMasking(tx, operation);
    await settle(tx, branch.id);
    await noteSuccess(tx, branch.id, timelineId);
  });
}

/**
 * Notes that an attempt failed. A branch that was masked before can be seen again as it was; one that
 * never was stays closed.
 */
export function failMasking(db: Database, operation: OperationRow, reason: string): Promise<void> {
  return db.transaction().execute(async (tx) => {
    const { branch, anonymization, timelineId, subject } = await lockMasking(tx, operation);
    if (anonymization.state !== 'anonymizing') return;
    await settle(tx, branch.id);
    await touchBranchEndpoints(tx, branch.id);
    if (branch.timeline_id === timelineId) {
      await noteSuccess(tx, branch.id, timelineId);
    } else {
      await update(tx, branch.id, {
        state: 'error',
        status_message: reason,
        is_open: sql<boolean>`masked_at is not null`,
        failed_at: sql<Date>`now()`,
        completed_at: sql<Date>`now()`,
      });
      await insertOperations(tx, newOperations({ ...subject, timelineId }, ['delete_timeline']));
    }
    if (branch.deleted_at === null && branch.current_state !== 'init') {
      await insertOperations(tx, newOperations(subject, ['apply_config']));
    }
  });
}

async function noteSuccess(tx: Database, branchId: BranchId, timelineId: string): Promise<void> {
  const { source } = await tx
    .selectFrom('timelines')
    .select('source')
    .where('id', '=', timelineId as BranchRow['timeline_id'])
    .executeTakeFirstOrThrow();
  const rules = source.kind === 'masked' ? source.rules : [];
  const tables = new Set(
    rules.map((rule) => JSON.stringify([rule.database_name, rule.schema_name, rule.table_name])),
  );
  await update(tx, branchId, {
    state: 'anonymized',
    status_message: `masked columns: ${rules.length}, in tables: ${tables.size}`,
    completed_at: sql<Date>`now()`,
    masked_columns: rules.length,
  });
}

async function lockMasking(tx: Database, operation: OperationRow) {
  const { projectId, branch, timelineId } = await lockLeavingBranch(tx, operation);
  const branchId = branch.id;
  const anonymization = await getAnonymization(tx, branchId);
  return { branch, anonymization, timelineId, subject: { projectId, branchId } };
}

function settle(tx: Database, id: BranchId): Promise<unknown> {
  return tx
    .updateTable('branches')
    .set({
      current_state: 'ready',
      pending_state: null,
      state_changed_at: sql<Date>`now()`,
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .where('current_state', '=', 'resetting')
    .execute();
}

function update(
  db: Database,
  branchId: BranchId,
  change: UpdateObject<Schema, 'anonymizations'>,
): Promise<unknown> {
  return db
    .updateTable('anonymizations')
    .set({ ...change, updated_at: sql<Date>`now()` })
    .where('branch_id', '=', branchId)
    .execute();
}
