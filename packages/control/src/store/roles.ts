import type { BranchId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import type { Database } from './database.ts';
import type { DatabaseRow, RoleRow } from './schema.ts';

/** Lists the roles of a branch by name. */
export function listRoles(db: Database, branchId: BranchId): Promise<RoleRow[]> {
  return db
    .selectFrom('roles')
    .selectAll()
    .where('branch_id', '=', branchId)
    .orderBy('name')
    .execute();
}

/** @throws PgfleetError `role_not_found`. */
export async function getRole(db: Database, branchId: BranchId, name: string): Promise<RoleRow> {
  const role = await db
    .selectFrom('roles')
    .selectAll()
    .where('branch_id', '=', branchId)
    .where('name', '=', name)
    .executeTakeFirst();
  if (!role) throw new PgfleetError('role_not_found');
  return role;
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

/** @throws PgfleetError `database_not_found`. */
export async function getDatabase(
  db: Database,
  branchId: BranchId,
  name: string,
): Promise<DatabaseRow> {
  const database = await db
    .selectFrom('databases')
    .selectAll()
    .where('branch_id', '=', branchId)
    .where('name', '=', name)
    .executeTakeFirst();
  if (!database) throw new PgfleetError('database_not_found');
  return database;
}
