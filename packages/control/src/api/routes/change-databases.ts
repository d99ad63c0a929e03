import { DatabaseCreateRequest, DatabaseUpdateRequest, PgfleetError } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { requireDatabaseName } from '../../domain/postgres-names.ts';
import {
  deleteDatabase,
  findDatabase,
  findRole,
  getDatabase,
  insertDatabase,
  listDatabases,
  updateDatabase,
} from '../../store/roles.ts';
import type { ApiContext } from '../api-context.ts';
import { changeContent, requireRoom } from '../change-content.ts';
import type { ContentAnswer, ContentTarget } from '../change-content.ts';
import { databaseObject } from '../objects.ts';
import { presentDatabase } from '../present/present-role.ts';
import { BranchParams, DatabaseParams } from './params.ts';

const databasesPath = '/projects/:project_id/branches/:branch_id/databases';
const databasePath = `${databasesPath}/:database_name`;

/** Making, changing and deleting databases. */
export function changeDatabaseRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Params: BranchParams; Body: DatabaseCreateRequest }>(
    databasesPath,
    { schema: { params: BranchParams, body: DatabaseCreateRequest } },
    (request, reply) =>
      changeContent(context, { request, reply }, (target) => create(target, request.body.database)),
  );

  app.patch<{ Params: DatabaseParams; Body: DatabaseUpdateRequest }>(
    databasePath,
    { schema: { params: DatabaseParams, body: DatabaseUpdateRequest } },
    (request, reply) =>
      changeContent(context, { request, reply }, (target) =>
        update(target, request.params.database_name, request.body.database),
      ),
  );

  app.delete<{ Params: DatabaseParams }>(
    databasePath,
    { schema: { params: DatabaseParams } },
    (request, reply) =>
      changeContent(context, { request, reply }, (target) =>
        remove(target, request.params.database_name),
      ),
  );
}

async function create(
  target: ContentTarget,
  wanted: DatabaseCreateRequest['database'],
): Promise<ContentAnswer> {
  const { tx, branch } = target;
  const name = requireDatabaseName(wanted.name, 'database.name');
  requireRoom(await listDatabases(tx, branch.id), 'too_many_databases');
  await requireFreeName(target, name);
  const ownerName = await requireOwner(target, wanted.owner_name);
  const database = await insertDatabase(tx, { branch_id: branch.id, name, owner_name: ownerName });
  return {
    status: 201,
    body: { database: presentDatabase(database) },
    change: { kind: 'create_database', name, ownerName },
  };
}

async function update(
  target: ContentTarget,
  name: string,
  wanted: DatabaseUpdateRequest['database'],
): Promise<ContentAnswer> {
  const { tx, branch } = target;
  const known = await getDatabase(tx, branch.id, name);
  await target.requireSeen({ database: presentDatabase(known) });
  const { name: newName = name, owner_name: ownerName = known.owner_name } = wanted;
  if (newName === name && ownerName === known.owner_name) {
    return { status: 200, body: { database: presentDatabase(known) }, change: undefined };
  }
  if (newName !== name) {
    requireDatabaseName(newName, 'database.name');
    await requireFreeName(target, newName);
  }
  await requireOwner(target, ownerName);
  const database = await updateDatabase(tx, known.id, { name: newName, owner_name: ownerName });
  return {
    status: 200,
    body: { database: presentDatabase(database) },
    reread: databaseObject(branch.id, newName),
    change: {
      kind: 'change_database',
      name,
      ...(newName !== name && { newName }),
      ...(ownerName !== known.owner_name && { ownerName }),
    },
  };
}

async function remove(
  { tx, branch, requireSeen }: ContentTarget,
  name: string,
): Promise<ContentAnswer | undefined> {
  const database = await findDatabase(tx, branch.id, name);
  if (!database) return undefined;
  await requireSeen({ database: presentDatabase(database) });
  await deleteDatabase(tx, database.id);
  return {
    status: 200,
    body: { database: presentDatabase(database) },
    change: { kind: 'drop_database', name },
  };
}

async function requireFreeName({ tx, branch }: ContentTarget, name: string): Promise<void> {
  if (!(await findDatabase(tx, branch.id, name))) return;
  const message = `database already exists; database_name:${JSON.stringify(name)}`;
  throw new PgfleetError('name_taken', { message });
}

async function requireOwner({ tx, branch }: ContentTarget, name: string): Promise<string> {
  if (await findRole(tx, branch.id, name)) return name;
  const message = `database owner not found; role_name:${JSON.stringify(name)}`;
  throw new PgfleetError('database_owner_not_found', { message });
}
