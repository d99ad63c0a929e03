import { PgfleetError } from '@pgfleet/contract';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { isCalendarTime } from '../domain/timestamps.ts';

/*
 * Cursors of lists that can be sorted: base64 of JSON, as the contract's are. A cursor says where
 * its page ended and how the list is sorted.
 */

/** What a list can be sorted by, and what its cursors call the id. */
export interface SortedList<Sort extends string> {
  readonly idField: string;
  /** What an id looks like. */
  readonly id: RegExp;
  readonly sorts: Readonly<Record<Sort, 'text' | 'time'>>;
}

/** How a list is sorted, and where its next page starts. */
export interface ListSorting<Sort extends string> {
  readonly sortBy: Sort;
  readonly order: 'asc' | 'desc';
  readonly after?: { readonly id: string; readonly value: string };
}

const Cursor = Type.Object({
  sort_by: Type.String({ maxLength: 60 }),
  sort_by_value: Type.String({ maxLength: 1024 }),
  sort_order: Type.Enum(['ASC', 'DESC']),
});

const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$/;

/** Writes the pagination that follows an item. */
export function encodeListCursor<Sort extends string>(
  { idField }: SortedList<Sort>,
  last: { readonly id: string; readonly sort_value: string },
  { sortBy, order }: ListSorting<Sort>,
): { readonly next: string; readonly sort_by: Sort; readonly sort_order: 'ASC' | 'DESC' } {
  const sortOrder = order === 'asc' ? 'ASC' : 'DESC';
  const cursor = {
    [idField]: last.id,
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
export function decodeListCursor<Sort extends string>(
  list: SortedList<Sort>,
  text: string | undefined,
): ListSorting<Sort> | undefined {
  if (text === undefined) return undefined;
  const sorting = read(list, parse(text));
  if (sorting) return sorting;
  throw new PgfleetError('invalid_request', {
    message: 'invalid request: decode params: query: cursor (not a cursor of this list)',
  });
}

function read<Sort extends string>(
  { idField, id: idPattern, sorts }: SortedList<Sort>,
  cursor: unknown,
): ListSorting<Sort> | undefined {
  if (!Value.Check(Cursor, cursor)) return undefined;
  const { sort_by: sortBy, sort_by_value: value, sort_order: sortOrder } = cursor;
  const { [idField]: id } = cursor as Readonly<Record<string, unknown>>;
  if (typeof id !== 'string' || !idPattern.test(id) || !isSort(sorts, sortBy)) return undefined;
  if (!(sorts[sortBy] === 'time' ? isTime(value) : !value.includes('\0'))) return undefined;
  return { sortBy, order: sortOrder === 'ASC' ? 'asc' : 'desc', after: { id, value } };
}

function isSort<Sort extends string>(sorts: SortedList<Sort>['sorts'], text: string): text is Sort {
  return Object.hasOwn(sorts, text);
}

function isTime(text: string): boolean {
  return timePattern.test(text) && isCalendarTime(text);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64').toString()) as unknown;
  } catch {
    // Whatever is no JSON is no cursor: the check that follows refuses it.
    return undefined;
  }
}
