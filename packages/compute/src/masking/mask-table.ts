import { escapeIdentifier as name } from 'pg';
import type { AdminConnection } from '../admin-connection.ts';
import type { FollowingKey, MaskedColumn, MaskedTable } from './masked-table.ts';
import { maskingRefused } from './masking-refusal.ts';
import { renderExpression } from './render-expression.ts';

/** The alias of the masked table in every statement. */
const ROW = 'masked_row';
/** Holds, for a table that others refer to, every row's key before and after. */
const KEYS = 'pg_temp.pgfleet_masked_keys';

/**
 * Masks all columns of a table that rules are for, in one statement; where foreign keys lead to them,
 * their columns get the same new values. `functions` is the schema of the masking functions.
 */
export async function maskTable(
  masker: AdminConnection,
  table: MaskedTable,
  functions: string,
): Promise<void> {
  const set = table.columns.map((column) => ({
    column,
    value: masked(column, functions),
  }));
  if (table.followers.length === 0) {
    const changes = set.map(({ column, value }) => `${name(column.name)} = ${value}`);
    await masker.query(`UPDATE ${table.sql} AS ${ROW} SET ${changes.join(', ')}`);
    return;
  }
  await keepKeys(masker, table, set);
  const changes = table.columns.map((column, i) => `${name(column.name)} = keys.new_${i}`);
  await masker.query(
    `UPDATE ${table.sql} AS ${ROW} SET ${changes.join(', ')} FROM ${KEYS} AS keys
      WHERE ${ROW}.tableoid = keys.of_table AND ${ROW}.ctid = keys.of_row`,
  );
  for (const follower of table.followers) await follow(masker, table, follower);
  await masker.query(`DROP TABLE ${KEYS}`);
}

// An expression of a type that a column of another kind does not take by itself is converted.
function masked({ expression, type, isText }: MaskedColumn, functions: string): string {
  const value = renderExpression(expression, { functions, row: ROW });
  return isText ? value : `(${value})::${type}`;
}

interface Change {
  readonly column: MaskedColumn;
  readonly value: string;
}

async function keepKeys(
  masker: AdminConnection,
  table: MaskedTable,
  changes: readonly Change[],
): Promise<void> {
  const referenced = referencedColumns(table);
  const old = referenced.map((column, i) => `${ROW}.${name(column)} AS old_${i}`);
  const fresh = changes.map(({ column, value }, i) =>
    // Of a text nothing is converted, and an untyped literal would have no type here.
    column.isText ? `(${value})::pg_catalog.text AS new_${i}` : `${value} AS new_${i}`,
  );
  const columns = [`${ROW}.tableoid AS of_table`, `${ROW}.ctid AS of_row`, ...old, ...fresh];
  await masker.query(
    `CREATE TEMPORARY TABLE pgfleet_masked_keys AS
      SELECT ${columns.join(', ')} FROM ${table.sql} AS ${ROW}`,
  );
}

async function follow(
  masker: AdminConnection,
  table: MaskedTable,
  { table: follower, columns, referenced, constraint }: FollowingKey,
): Promise<void> {
  const all = referencedColumns(table);
  const links = columns.map((column, i) => ({
    column: `${ROW}.${name(column)}`,
    name: name(column),
    old: `keys.old_${all.indexOf(referenced[i]!)}`,
    fresh: freshValue(table, referenced[i]!),
  }));
  const isSame = links.map(({ column, old }) => `${column} = ${old}`).join(' AND ');
  const changes = links.flatMap((link) =>
    link.fresh === undefined ? [] : [`${link.name} = ${link.fresh}`],
  );
  await masker.query(
    `UPDATE ${follower} AS ${ROW} SET ${changes.join(', ')} FROM ${KEYS} AS keys WHERE ${isSame}`,
  );
  await requireWhole(masker, { table, follower, columns, referenced, constraint });
}

// Nothing else looks: triggers, and so foreign keys, are asleep.
async function requireWhole(
  masker: AdminConnection,
  key: Omit<FollowingKey, 'table'> & { readonly table: MaskedTable; readonly follower: string },
): Promise<void> {
  const { table, follower, columns, referenced, constraint } = key;
  const isSet = columns.map((column) => `${ROW}.${name(column)} IS NOT NULL`).join(' AND ');
  const leadsTo = columns
    .map((column, i) => `target.${name(referenced[i]!)} = ${ROW}.${name(column)}`)
    .join(' AND ');
  const strays = await masker.query(
    `SELECT FROM ${follower} AS ${ROW} WHERE ${isSet}
      AND NOT EXISTS (SELECT FROM ${table.sql} AS target WHERE ${leadsTo}) LIMIT 1`,
  );
  if (strays.length === 0) return;
  throw maskingRefused(
    `the foreign key "${constraint}" leads nowhere once ${table.title} is masked`,
  );
}

function referencedColumns({ followers }: MaskedTable): readonly string[] {
  return [...new Set(followers.flatMap(({ referenced }) => referenced))];
}

function freshValue({ columns }: MaskedTable, column: string): string | undefined {
  const index = columns.findIndex((each) => each.name === column);
  return index < 0 ? undefined : `keys.new_${index}`;
}
