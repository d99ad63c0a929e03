import { PgfleetError } from '@pgfleet/contract';
import type { BranchList } from '@pgfleet/contract';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { BranchPosition, BranchSort, SortedBranch } from '../store/branches.ts';

/** How a list of branches is sorted, and where its next page starts. */
export interface BranchSorting {
  readonly sortBy: BranchSort;
  readonly order: 'asc' | 'desc';
  readonly after?: BranchPosition;
}

const Cursor = Type.Object({
  branch_id: Type.String({ maxLength: 60 }),
  sort_by: Type.Enum(['name', 'created_at', 'updated_at']),
  sort_by_value: Type.String({ maxLength: 256 }),
  sort_order: Type.Enum(['ASC', 'DESC']),
});

const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$/;

/** Writes the opaque cursor that follows a branch: base64 of JSON, as the contract's are. */
export function encodeCursor(
  last: SortedBranch,
  { sortBy, order }: BranchSorting,
): NonNullable<BranchList['pagination']> {
  const sortOrder = order === 'asc' ? 'ASC' : 'DESC';
  const cursor = {
    branch_id: last.id,
    sort_by: sortBy,
    sort_by_value: last.sort_value,
    sort_order: sortOrder,
  };
  const next = Buffer.from(JSON.stringify(cursor)).toString('base64');
  return { next, sort_by: sortBy, sort_order: sortOrder };
}

/**
 * Reads a cursor; it decides the sorting, whatever else the query says.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function decodeCursor(text: string | undefined): BranchSorting | undefined {
  if (text === undefined) return undefined;
  const cursor = parse(text);
  if (!Value.Check(Cursor, cursor) || !isSortValue(cursor.sort_by, cursor.sort_by_value)) {
    throw new PgfleetError('invalid_request', {
      message: 'invalid request: decode params: query: cursor (not a cursor of this list)',
    });
  }
  return {
    sortBy: cursor.sort_by,
    order: cursor.sort_order === 'ASC' ? 'asc' : 'desc',
    after: { id: cursor.branch_id, value: cursor.sort_by_value },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64').toString()) as unknown;
  } catch {
    // Whatever is no JSON is no cursor: the check that follows refuses it.
    return undefined;
  }
}

function isSortValue(sortBy: BranchSort, value: string): boolean {
  if (sortBy === 'name') return !value.includes('\0');
  return timePattern.test(value) && !Number.isNaN(Date.parse(value));
}
