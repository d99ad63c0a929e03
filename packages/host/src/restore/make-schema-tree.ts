import { applySpec, dumpRoles, restoreSchema, TEMPLATE_DATABASE } from '@pgfleet/compute';
import type { AdminConnection, DatabaseSpec, RolesDump } from '@pgfleet/compute';
import type { PointInTime, TimelineId } from '@pgfleet/contract';
import { initialClusterSpec } from '../timelines/initial-spec.ts';
import { noteRest, readLastWords } from '../timelines/last-words.ts';
import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import { ownerOf } from '../timelines/owner.ts';
import { makeTemplateTree } from '../timelines/template-tree.ts';
import type { TemplateTreeParts } from '../timelines/template-tree.ts';
import type { CopyParts } from './copy-parts.ts';
import { dumpOfCopy, withCopyToDump } from './dump-of-copy.ts';
import { withThrowawayRun } from './throwaway-run.ts';
import type { ThrowawayAccess } from './throwaway-run.ts';

/** The definitions of everything in a cluster. */
interface Definitions {
  readonly roles: RolesDump;
  readonly roleNames: ReadonlySet<string>;
  readonly databases: readonly (DatabaseSpec & { readonly sql: string })[];
}

/**
 * Makes the tree of a timeline that has the definitions of another one and nothing else of it: a
 * clone of the template, into which they are written. No block of the source comes along.
 */
export async function makeSchemaTree(
  parts: CopyParts & TemplateTreeParts,
  source: { readonly timelineId: TimelineId; readonly at: PointInTime },
  order: TreeOrder,
): Promise<MadeTree> {
  const { spec, signal, lock } = order;
  await parts.timelines.remade(source.timelineId);
  const { uid } = parts.timelines.ready(source.timelineId);
  const past = { ...source, signal };
  const definitions = await withCopyToDump(parts, past, (access) =>
    readDefinitions(parts, access, uid),
  );
  const made = await makeTemplateTree(parts, order);
  const words = await withThrowawayRun(
    parts,
    {
      major: spec.pgMajor,
      dataDirectory: parts.volume.path(spec.timelineId),
      lock,
      ...ownerOf(made.uid),
      secrets: made.inheritedSecrets,
      signal,
    },
    (access) => writeDefinitions(access, order, definitions),
  );
  await noteRest(parts, spec.timelineId, words);
  const { at, lsn } = words.head;
  const { beginning: _beginning, ...rest } = made;
  return { ...rest, specApplied: true, origin: { lsn, at } };
}

async function readDefinitions(
  parts: CopyParts,
  { connection, socketDirectory, secrets }: ThrowawayAccess,
  uid: number | null,
): Promise<Definitions> {
  const rows = await connection.query<DatabaseSpec & Record<string, unknown>>(
    `SELECT datname AS name, pg_get_userbyid(datdba) AS owner FROM pg_database
      WHERE datallowconn AND datconnlimit <> -2 AND NOT datistemplate AND datname <> 'postgres'
      ORDER BY datname`,
  );
  const databases = [];
  for (const { name, owner } of rows) {
    const options = { socketDirectory, secrets, database: name, ...ownerOf(uid) };
    databases.push({ name, owner, sql: await dumpOfCopy(parts, options) });
  }
  const known = await connection.query<{ name: string }>('SELECT rolname AS name FROM pg_authid');
  const roleNames = new Set(known.map(({ name }) => name));
  return { roles: await dumpRoles(connection), roleNames, databases };
}

async function writeDefinitions(
  { connection, socketDirectory }: ThrowawayAccess,
  { spec, ownSecret }: TreeOrder,
  { roles, roleNames, databases }: Definitions,
) {
  // Roles of later have no passwords to be given.
  const names = spec.initial.roles.filter(({ name }) => roleNames.has(name));
  await applySpec(connection, initialClusterSpec({ roles: names, databases: [] }, ownSecret));
  await runAll(connection, roles.roles);
  await connection.query(`DROP DATABASE IF EXISTS ${TEMPLATE_DATABASE}`);
  await applySpec(connection, { adminSecret: ownSecret, roles: names, databases });
  for (const { name: database, sql } of databases) {
    await restoreSchema(sql, { socketDirectory, secrets: [ownSecret], database });
  }
  await runAll(connection, roles.settings);
  return readLastWords(connection);
}

async function runAll(connection: AdminConnection, statements: readonly string[]): Promise<void> {
  if (statements.length > 0) await connection.script(statements);
}
