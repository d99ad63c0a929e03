import { CompiledQuery, sql } from 'kysely';
import { DatabaseError } from 'pg';
import type { Database, Statement } from '../store/database.ts';

/** A node of a plan as `EXPLAIN (FORMAT JSON)` shows it. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  /** Of one of the loops, like the rows that were removed; only of a statement that has run. */
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** How many rows each table and index has, as the planner knows it. */
export type Sizes = ReadonlyMap<string, number>;

/** A table of at least so many rows must not be read as it lies: all but the hosts. */
const MANY = 50;
/** Of what has so many, only a part may be read: no tenant has more of it. */
const LARGE = 1_000;
const MAX_SHARE = 0.2;

/**
 * To read a page of a small fleet in order costs as much as in a fleet so many times as large: the
 * planner must not think that it can afford it.
 */
const FLEET_FACTOR = 60;

/** Loads the sizes of all tables and indexes. */
export async function loadSizes(db: Database): Promise<Sizes> {
  const { rows } = await sql<{ name: string; rows: number }>`
    select relname as name, reltuples as rows from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'i')`.execute(db);
  return new Map(rows.map(({ name, rows: count }) => [name, count]));
}

/** Whether a statement has a plan: transactions and sessions have none. */
export function isPlanned({ text }: Pick<Statement, 'text'>): boolean {
  return /^\s*(with|select|insert|update|delete)\b/i.test(text);
}

/** How a statement is run. */
export interface Examined {
  /**
   * What costs the more, the more tenants there are: a large table or index that is read from end to
   * end, or a good part of it.
   */
  readonly findings: readonly string[];
  /** The indexes that are read. */
  readonly indexes: readonly string[];
}

/** Looks at how a statement is run with its parameters; it is run and undone. */
export async function examine(
  db: Database,
  statement: Pick<Statement, 'text' | 'parameters'>,
  sizes: Sizes,
): Promise<Examined> {
  const plan = await explain(db, statement, 'analyze, timing off, format json').catch((error) => {
    // What was inserted is there already: then what is planned has to tell.
    if (error instanceof DatabaseError && error.code?.startsWith(CONSTRAINTS)) {
      return explain(db, statement, 'format json');
    }
    throw error;
  });
  const nodes = withNodesBelow(plan);
  return {
    findings: nodes.flatMap((node) => problemOf(node, sizes) ?? []),
    indexes: nodes.flatMap((node) => node['Index Name'] ?? []),
  };
}

// A class of SQLSTATE.
const CONSTRAINTS = '23';

function explain(
  db: Database,
  { text, parameters }: Pick<Statement, 'text' | 'parameters'>,
  how: string,
): Promise<PlanNode> {
  const query = CompiledQuery.raw(`explain (${how}) ${text}`, [...parameters]);
  return db.transaction().execute(async (tx) => {
    await sql`set local seq_page_cost = ${sql.lit(FLEET_FACTOR)}`.execute(tx);
    const { rows } = await tx.executeQuery<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(query);
    await sql`rollback`.execute(tx);
    return rows[0]!['QUERY PLAN'][0].Plan;
  });
}

function withNodesBelow(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(withNodesBelow)];
}

function problemOf(node: PlanNode, sizes: Sizes): string | undefined {
  const index = node['Index Name'];
  const name = node['Relation Name'] ?? index;
  if (name === undefined) return undefined;
  const size = sizes.get(name) ?? 0;
  if (node['Node Type'] === 'Seq Scan' && size >= MANY) return `reads all of ${name}`;
  if (size < LARGE) return undefined;
  const read = rowsRead(node);
  if (read === undefined) return index && !node['Index Cond'] ? `reads all of ${index}` : undefined;
  return read > size * MAX_SHARE ? `reads ${read} rows of ${name}` : undefined;
}

// Undefined for a statement that was not run.
function rowsRead(node: PlanNode): number | undefined {
  const { 'Actual Rows': rows, 'Actual Loops': loops = 0 } = node;
  if (rows === undefined) return undefined;
  const removed =
    (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return (rows + removed) * loops;
}
