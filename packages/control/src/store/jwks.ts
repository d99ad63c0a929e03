import { PgfleetError } from '@pgfleet/contract';
import type { ProjectId } from '@pgfleet/contract';
import { sql } from 'kysely';
import type { Insertable } from 'kysely';
import type { Database } from './database.ts';
import type { JwksRow, Schema } from './schema.ts';

/** More than anybody has providers of tokens. */
const MAX_PER_PROJECT = 100;

/** Lists the key sets of a project, the oldest first. */
export function listJwks(db: Database, projectId: ProjectId): Promise<JwksRow[]> {
  return db
    .selectFrom('project_jwks')
    .selectAll()
    .where('project_id', '=', projectId)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

/** Adds a key set to a project that is locked. @throws PgfleetError `name_taken`, `too_many_jwks`. */
export async function insertJwks(
  tx: Database,
  jwks: Insertable<Schema['project_jwks']>,
): Promise<JwksRow> {
  const present = await listJwks(tx, jwks.project_id);
  const isKnown = present.some(
    (row) => row.jwks_url === jwks.jwks_url && row.branch_id === (jwks.branch_id ?? null),
  );
  if (isKnown) {
    throw new PgfleetError('name_taken', { message: 'this JWKS URL has been added already' });
  }
  if (present.length >= MAX_PER_PROJECT) throw new PgfleetError('too_many_jwks');
  return tx.insertInto('project_jwks').values(jwks).returningAll().executeTakeFirstOrThrow();
}

/** @throws PgfleetError `jwks_not_found`. */
export async function deleteJwks(tx: Database, projectId: ProjectId, id: string): Promise<JwksRow> {
  const row = await tx
    .deleteFrom('project_jwks')
    .where('project_id', '=', projectId)
    .where(sql<boolean>`id::text = ${id}`)
    .returningAll()
    .executeTakeFirst();
  if (!row) throw new PgfleetError('jwks_not_found');
  return row;
}
