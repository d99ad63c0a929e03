import type { BranchId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Updateable } from 'kysely';
import type { NewRole } from './create-branch.ts';
import type { Database } from './database.ts';
import type { DatabaseRow, RoleRow, Schema } from './schema.ts';

/** Lists the roles of a branch by name. */
export function listRoles(db: Database, branchId: BranchId): Promise<RoleRow[]> {
  return db
    .selectFrom('roles')
    .selectAll()
    .where('branch_id', '=', branchId)
    .orderBy('name')
    .execute();
}

export function findRole(
  db: Database,
  branchId: BranchId,
  name: string,
): Promise<RoleRow | undefined> {
  return db
    .selectFrom('roles')
    .selectAll()
    .where('branch_id', '=', branchId)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** @throws PgfleetError `role_not_found`. */
export async function getRole(db: Database, branchId: BranchId, name: string): Promise<RoleRow> {
  const role = await findRole(db, branchId, name);
  if (!role) throw new PgfleetError('role_not_found');
  return role;
}

export function insertRole(db: Database, branchId: BranchId, role: NewRole): Promise<RoleRow> {
  return db
    .insertInto('roles')
    .values({ ...role, branch_id: branchId })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function updateRole(
  db: Database,
  { branch_id: branchId, name }: Pick<RoleRow, 'branch_id' | 'name'>,
  change: Updateable<Schema['roles']>,
): Promise<RoleRow> {
  return db
    .updateTable('roles')
    .set({ ...change, updated_at: sql<Date>`clock_timestamp()` })
    .where('branch_id', '=', branchId)
    .where('name', '=', name)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function deleteRole(
  db: Database,
  { branch_id: branchId, name }: Pick<RoleRow, 'branch_id' | 'name'>,
): Promise<void> {
  await db.deleteFrom('roles').where('branch_id', '=', branchId).where('name', '=', name).execute();
}

/** Lists the databases of a branch in the order in which they were made. */
export function listDatabases(db: Database, branchId: BranchId): Promise<DatabaseRow[]> {
  return db
    .selectFrom('databases')
    .selectAll()
    .where('branch_id', '=', branchId)
    .orderBy('id')
    .execute();
}

export function findDatabase(
  db: Database,
  branchId: BranchId,
  name: string,
): Promise<DatabaseRow | undefined> {
  return db
    .selectFrom('databases')
    .selectAll()
    .where('branch_id', '=', branchId)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** @throws PgfleetError `database_not_found`. */
export async function getDatabase(
  db: Database,
  branchId: BranchId,
  name: string,
): Promise<DatabaseRow> {
  const database = await findDatabase(db, branchId, name);
  if (!database) throw new PgfleetError('database_not_found');
  return database;
}

export function insertDatabase(
  db: Database,
  database: Pick<DatabaseRow, 'branch_id' | 'name' | 'owner_name'>,
): Promise<DatabaseRow> {
  return db.insertInto('databases').values(database).returningAll().executeTakeFirstOrThrow();
}

export function updateDatabase(
  db: Database,
  id: number,
  change: Updateable<Schema['databases']>,
): Promise<DatabaseRow> {
  return db
    .updateTable('databases')
    .set({ ...change, updated_at: sql<Date>`clock_timestamp()` })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function deleteDatabase(db: Database, id: number): Promise<void> {
  await db.deleteFrom('databases').where('id', '=', id).execute();
}
