import { escapeIdentifier as name } from 'pg';
import type { AdminConnection } from '../admin-connection.ts';
import { columnsRead } from './columns-read.ts';
import { maskingRefused } from './masking-refusal.ts';
import type { MaskingExpression, MaskingRule } from './masking-rule.ts';

/** A column that a rule is for. */
export interface MaskedColumn {
  readonly name: string;
  /** As Postgres writes it. */
  readonly type: string;
  /** Whether values of other types become its own by themselves, as text does. */
  readonly isText: boolean;
  readonly expression: MaskingExpression;
}

/** A foreign key that leads to masked columns; the values of its own columns follow. */
export interface FollowingKey {
  readonly constraint: string;
  readonly table: string;
  /** Its columns and, in the same order, those of the masked table. */
  readonly columns: readonly string[];
  readonly referenced: readonly string[];
}

/** A table with all rules for it. */
export interface MaskedTable {
  readonly oid: string;
  /** With its schema, and quoted. */
  readonly sql: string;
  /** For people: with its database. */
  readonly title: string;
  readonly columns: readonly MaskedColumn[];
  readonly followers: readonly FollowingKey[];
}

/** A column as the catalogue has it. */
interface FoundColumn {
  readonly name: string;
  readonly type: string;
  readonly isText: boolean;
  readonly isGenerated: boolean;
  readonly isAlwaysIdentity: boolean;
  readonly foreignKey: string | null;
}

interface FoundTable {
  readonly oid: string;
  readonly kind: string;
  readonly isSystems: boolean;
  readonly isPartition: boolean;
  readonly columns: readonly FoundColumn[];
}

const TABLE = `SELECT c.oid::text AS oid, c.relkind AS kind, c.relispartition AS "isPartition",
    owner.rolsuper AS "isSystems",
    (SELECT coalesce(json_agg(json_build_object(
        'name', attname, 'type', format_type(atttypid, atttypmod), 'isText', typcategory = 'S',
        'isGenerated', attgenerated <> '', 'isAlwaysIdentity', attidentity = 'a',
        'foreignKey', (SELECT conname FROM pg_constraint
          WHERE conrelid = c.oid AND contype = 'f' AND attnum = ANY (conkey) LIMIT 1))), '[]')
      FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid
      WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    JOIN pg_authid owner ON owner.oid = relowner
  WHERE nspname = $1 AND relname = $2 AND relpersistence <> 't'`;

const FOLLOWERS = `SELECT conname AS constraint,
    format('%I.%I', nspname, relname) AS table, conparentid <> 0 AS "isInherited",
    ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k (n, i)
      JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY i) AS columns,
    ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS k (n, i)
      JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY i) AS referenced,
    EXISTS (SELECT FROM pg_constraint further WHERE further.contype = 'f'
      AND further.confrelid = f.conrelid AND further.confkey && f.conkey) AS "leadsOn"
  FROM pg_constraint f JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = relnamespace
  WHERE contype = 'f' AND confrelid = $1::oid ORDER BY conname`;

/** Rules for one database, those for each table together. */
export function byTable(rules: readonly MaskingRule[]): readonly [MaskingRule, ...MaskingRule[]][] {
  const groups = new Map<string, [MaskingRule, ...MaskingRule[]]>();
  for (const rule of rules) {
    const key = JSON.stringify([rule.schema, rule.table]);
    const group = groups.get(key);
    if (group) group.push(rule);
    else groups.set(key, [rule]);
  }
  return [...groups.values()];
}

/**
 * Looks a table up that rules are for, and checks that they can be followed.
 *
 * @throws ComputeError `masking_refused` before anything is changed.
 */
export async function findMaskedTable(
  connection: AdminConnection,
  rules: readonly [MaskingRule, ...MaskingRule[]],
): Promise<MaskedTable> {
  const [{ database, schema, table }] = rules;
  const title = `${database}.${schema}.${table}`;
  const [found] = await connection.query<FoundTable & Record<string, unknown>>(TABLE, [
    schema,
    table,
  ]);
  if (!found) throw maskingRefused(`there is no table ${title}`);
  requireOrdinary(found, title);
  const columns = rules.map((rule): MaskedColumn => {
    const column = findColumn(found, rule.column, title);
    requireMaskable(column, `${title}.${rule.column}`);
    for (const read of columnsRead(rule.expression)) findColumn(found, read, title);
    return { ...column, expression: rule.expression };
  });
  const followers = await findFollowers(connection, { ...found, title }, columns);
  return { oid: found.oid, sql: `${name(schema)}.${name(table)}`, title, columns, followers };
}

function requireOrdinary({ kind, isSystems }: FoundTable, title: string): void {
  if (!['r', 'p'].includes(kind)) throw maskingRefused(`${title} is no table`);
  if (isSystems) throw maskingRefused(`${title} belongs to the system or to an extension`);
}

function findColumn({ columns }: FoundTable, wanted: string, title: string): FoundColumn {
  const column = columns.find((each) => each.name === wanted);
  if (!column) throw maskingRefused(`the table ${title} has no column ${wanted}`);
  return column;
}

function requireMaskable(column: FoundColumn, title: string): void {
  if (column.isGenerated) {
    throw maskingRefused(`${title} is generated: mask the columns that it is made of`);
  }
  if (column.isAlwaysIdentity) {
    throw maskingRefused(`${title} is always generated as an identity, which cannot be replaced`);
  }
  if (column.foreignKey !== null) {
    throw maskingRefused(
      `${title} is part of the foreign key "${column.foreignKey}": mask the column that it refers to`,
    );
  }
}

interface FoundFollower extends FollowingKey {
  readonly isInherited: boolean;
  readonly leadsOn: boolean;
}

// What follows a partition follows its parent, and would lead to rows that the rule is not for.
async function findFollowers(
  connection: AdminConnection,
  { oid, isPartition, title }: Pick<FoundTable, 'oid' | 'isPartition'> & { readonly title: string },
  columns: readonly MaskedColumn[],
): Promise<readonly FollowingKey[]> {
  const all = await connection.query<FoundFollower & Record<string, unknown>>(FOLLOWERS, [oid]);
  const masked = new Set(columns.map((column) => column.name));
  const concerned = all.filter(({ referenced }) => referenced.some((each) => masked.has(each)));
  for (const { constraint, leadsOn, isInherited } of concerned) {
    if (isInherited && isPartition) {
      throw maskingRefused(`${title} is a partition that the foreign key "${constraint}" leads to`);
    }
    if (leadsOn) {
      throw maskingRefused(
        `${title} is referred to by the foreign key "${constraint}", whose columns are referred to in turn`,
      );
    }
  }
  return concerned.filter(({ isInherited }) => !isInherited);
}
