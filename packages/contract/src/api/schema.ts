import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { Shown } from './shown.ts';

const text = Type.String();
const databaseName = Type.String({ minLength: 1, maxLength: 63 * 4 });

/** Query of `GET …/branches/{branch_id}/schema`: of the head when no point is given. */
export const SchemaQuery = Type.Object({
  db_name: databaseName,
  lsn: Type.Optional(text),
  timestamp: Type.Optional(text),
  format: Type.Enum(['sql', 'json'], { default: 'sql' }),
});
export type SchemaQuery = Static<typeof SchemaQuery>;

/** Query of `GET …/branches/{branch_id}/compare_schema`. */
export const SchemaCompareQuery = Type.Object({
  db_name: databaseName,
  /** The parent of the branch when left out. */
  base_branch_id: Type.Optional(Type.String({ pattern: idPattern })),
  lsn: Type.Optional(text),
  timestamp: Type.Optional(text),
  base_lsn: Type.Optional(text),
  base_timestamp: Type.Optional(text),
});
export type SchemaCompareQuery = Static<typeof SchemaCompareQuery>;

const column = Type.Object({
  name: text,
  /** As `format_type` writes it. */
  type: text,
  nullable: Type.Boolean(),
  generated: Type.Boolean(),
});

const constraint = Type.Object({
  type: Type.Enum(['primary_key', 'unique', 'foreign_key']),
  name: text,
  columns: Type.Array(text, { minItems: 1 }),
  /** Of a foreign key. */
  referenced_table: Type.Optional(
    Type.Object({ schema: text, table: text, columns: Type.Array(text) }),
  ),
});

/** The tables of a database, as `GET …/schema?format=json` shows them. */
export const BranchSchema = Type.Object({
  tables: Type.Array(
    Type.Object({
      schema: text,
      name: text,
      columns: Type.Array(column),
      constraints: Type.Array(constraint),
    }),
  ),
});
export type BranchSchema = Static<typeof BranchSchema>;

/** Answer of `GET …/branches/{branch_id}/schema`: what `format` asked for. */
export const BranchSchemaResponse = Type.Object({
  sql: Type.Optional(Type.String()),
  json: Type.Optional(BranchSchema),
});
export type BranchSchemaResponse = Shown<typeof BranchSchemaResponse>;

/** Answer of `GET …/branches/{branch_id}/compare_schema`: a unified diff, empty without one. */
export const SchemaComparison = Type.Object({ diff: Type.String() });
export type SchemaComparison = Shown<typeof SchemaComparison>;
