import type { BranchId, OperationId, ProjectId, TimelineContent } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import { activeStatuses } from './operations.ts';
import type { BranchRow, OperationRow } from './schema.ts';

/*
 * The rows of a branch's roles and databases follow what is in its Postgres, which can have others: a
 * branch that shows the past, or one in which roles or databases were made by SQL.
 */

/** Where content was read, and by which operation. */
export interface ContentOfBranch {
  readonly projectId: ProjectId;
  readonly branchId: BranchId;
  readonly operationId: OperationId;
  readonly content: TimelineContent;
}

/**
 * Makes the rows of a branch those of the roles and databases that it has. What operations are still
 * to change is left as it is wanted. Roles that are known keep the passwords that are stored.
 */
export function adoptContent(db: Database, read: ContentOfBranch): Promise<void> {
  return db.transaction().execute(async (tx) => {
    // All that changes the content of branches locks the project first.
    await tx
      .selectFrom('projects')
      .select('id')
      .where('id', '=', read.projectId)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const wanted = await listChanging(tx, read);
    await removeDatabases(tx, read, wanted);
    await addRoles(tx, read, wanted);
    await putDatabases(tx, read, wanted);
    await removeRoles(tx, read, wanted);
  });
}

/** Whether roles or databases of a branch are still to be changed. */
export async function isContentChanging(
  db: Database,
  { id: branchId, project_id: projectId }: Pick<BranchRow, 'id' | 'project_id'>,
): Promise<boolean> {
  const operation = await unfinishedChanges(db, { projectId, branchId })
    .select('id')
    .limit(1)
    .executeTakeFirst();
  return operation !== undefined;
}

interface Names {
  readonly roles: readonly string[];
  readonly databases: readonly string[];
}

async function listChanging(
  tx: Database,
  { operationId, ...branch }: ContentOfBranch,
): Promise<Names> {
  const rows = await unfinishedChanges(tx, branch)
    .select('changes')
    .where('id', '<>', operationId)
    .execute();
  const changes = rows.flatMap((row) => row.changes ?? []);
  const [roles, databases] = [new Set<string>(), new Set<string>()];
  for (const change of changes) {
    const isOfRole = change.kind.endsWith('role') || change.kind === 'set_password';
    (isOfRole ? roles : databases).add(change.name);
    if ('newName' in change && change.newName !== undefined) databases.add(change.newName);
  }
  return { roles: [...roles], databases: [...databases] };
}

// Looked up within the project: there is no index of what is under way by branch.
function unfinishedChanges(
  db: Database,
  { projectId, branchId }: Pick<ContentOfBranch, 'projectId' | 'branchId'>,
) {
  return db
    .selectFrom('operations')
    .where('project_id', '=', projectId)
    .where('branch_id', '=', branchId)
    .where('status', 'in', activeStatuses)
    .where('changes', 'is not', null);
}

async function removeDatabases(
  tx: Database,
  { branchId, content }: ContentOfBranch,
  { databases: wanted }: Names,
): Promise<void> {
  const kept = [...content.databases.map(({ name }) => name), ...wanted];
  await sql`delete from databases where branch_id = ${branchId} and name <> all (${kept}::text[])`.execute(
    tx,
  );
}

async function addRoles(
  tx: Database,
  { branchId, content }: ContentOfBranch,
  { roles: wanted }: Names,
): Promise<void> {
  await sql`
    insert into roles (branch_id, name, verifier, can_login)
    select ${branchId}, name, verifier, "canLogin"
    from jsonb_to_recordset(${JSON.stringify(content.roles)}::jsonb)
      as there (name text, verifier text, "canLogin" boolean)
    where name <> all (${wanted}::text[])
    on conflict do nothing`.execute(tx);
}

// The owner of one may be about to be removed, and its row is gone.
async function putDatabases(
  tx: Database,
  { branchId, content }: ContentOfBranch,
  { databases: wanted }: Names,
): Promise<void> {
  await sql`
    insert into databases (branch_id, name, owner_name)
    select ${branchId}, there.name, there."ownerName"
    from jsonb_to_recordset(${JSON.stringify(content.databases)}::jsonb)
        as there (name text, "ownerName" text)
      join roles owner on owner.branch_id = ${branchId} and owner.name = there."ownerName"
    where there.name <> all (${wanted}::text[])
    order by there.name
    on conflict (branch_id, name) do update
      set owner_name = excluded.owner_name, updated_at = clock_timestamp()
      where databases.owner_name <> excluded.owner_name`.execute(tx);
}

async function removeRoles(
  tx: Database,
  { branchId, content }: ContentOfBranch,
  { roles: wanted }: Names,
): Promise<void> {
  const kept = [...content.roles.map(({ name }) => name), ...wanted];
  await sql`
    delete from roles where branch_id = ${branchId} and name <> all (${kept}::text[])
      and not exists (select from databases
        where databases.branch_id = roles.branch_id and owner_name = roles.name)`.execute(tx);
}

/** Where the content that an operation of a branch has read belongs. */
export function contentOf(operation: OperationRow, content: TimelineContent): ContentOfBranch {
  const { id, project_id: projectId, branch_id: branchId } = operation;
  if (!branchId) throw new Error(`operation ${id} names no branch`);
  return { operationId: id, projectId, branchId, content };
}
