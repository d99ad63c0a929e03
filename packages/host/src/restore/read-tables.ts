import type { AdminConnection } from '@pgfleet/compute';
import type { BranchSchema } from '@pgfleet/contract';

/** Reads the tables of a database with their columns and keys from the catalogue. */
export async function readTables(connection: AdminConnection): Promise<BranchSchema> {
  const tables = await connection.query<BranchSchema['tables'][number]>(
    `SELECT n.nspname AS schema, c.relname AS name,
        (SELECT coalesce(json_agg(json_build_object(
            'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
            'nullable', NOT a.attnotnull, 'generated', a.attgenerated <> '') ORDER BY a.attnum), '[]')
          FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
        (SELECT coalesce(json_agg(json_strip_nulls(json_build_object(
            'type', CASE k.contype WHEN 'p' THEN 'primary_key' WHEN 'u' THEN 'unique'
              ELSE 'foreign_key' END,
            'name', k.conname, 'columns', ${columnNames('k.conrelid', 'k.conkey')},
            'referenced_table', CASE k.contype WHEN 'f' THEN (
              SELECT json_build_object('schema', fn.nspname, 'table', f.relname,
                'columns', ${columnNames('k.confrelid', 'k.confkey')})
              FROM pg_class f JOIN pg_namespace fn ON fn.oid = f.relnamespace
              WHERE f.oid = k.confrelid) END)) ORDER BY k.conname), '[]')
          FROM pg_constraint k
          WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f')) AS constraints
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      ORDER BY n.nspname, c.relname`,
  );
  return { tables };
}

const columnNames = (table: string, numbers: string) => `(
  SELECT json_agg(a.attname ORDER BY o.position)
  FROM unnest(${numbers}) WITH ORDINALITY AS o (attnum, position)
  JOIN pg_attribute a ON a.attrelid = ${table} AND a.attnum = o.attnum)`;
