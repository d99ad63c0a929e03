import type { CopyCounts, TableCount } from './read-copy.ts';

/** Says in which tables two copies of the same point differ, which they must in none. */
export function compareCounts(one: CopyCounts, other: CopyCounts): readonly string[] {
  const keys = new Set([...one.tables.keys(), ...other.tables.keys()]);
  return [...keys].flatMap((key) => describe(one.tables.get(key), other.tables.get(key)));
}

function describe(one: TableCount | undefined, other: TableCount | undefined): readonly string[] {
  if (one?.rows === other?.rows) return [];
  const { database, table } = (one ?? other)!;
  return [
    `${database}: table ${table} has ${rowsOf(one)} in one copy and ${rowsOf(other)} in another`,
  ];
}

function rowsOf(count: TableCount | undefined): string {
  return count ? `${count.rows} rows` : 'no place';
}
