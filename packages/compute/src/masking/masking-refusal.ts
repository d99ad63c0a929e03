import { DatabaseError } from 'pg';
import { ComputeError } from '../compute-error.ts';

/** Lost connections, a lack of resources and stops come to an end; all else says the same again. */
const PASSING_STATE = /^(08|40|53|57)/;

/** What the values of a masked column are, in words for who wrote the rules. */
const reasons: Readonly<Record<string, string>> = {
  '21000': 'a masking function gives more than one value',
  '22001': 'a masked value is too long for the column',
  '22003': 'a masked value is out of the range of the column',
  '22007': 'a masked value does not have the form of the type of the column',
  '22008': 'a masked value is out of the range of the column',
  '22023': 'a masking function does not take these arguments',
  '22P02': 'a masked value does not have the form of the type of the column',
  '23502': 'a masked value is null, and the column must not be',
  '23505': 'masked values are the same where they must be unique',
  '23514': 'a masked value does not pass a check, or fits no partition',
  '23P01': 'masked values exclude each other',
  '42501': 'the owner of the table may not do this',
  '42703': 'the table has no such column',
  '42804': 'a masking function does not give the type of the column',
  '42883': 'a masking function does not take arguments of these types',
  '42P01': 'the table is gone',
  '428C9': 'the column has a value of its own that cannot be replaced',
  '55000': 'the table cannot be updated: is it published without a replica identity?',
};

/** @returns the error that says no to the rules; its message has names, and no value of any row. */
export function maskingRefused(problem: string): ComputeError {
  return new ComputeError('masking_refused', problem);
}

/**
 * Runs work on a table or view and names what Postgres refuses. Postgres' own words may quote values,
 * which are what masking is there to hide: not even a log gets them.
 */
export async function namingRefusals<T>(subject: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DatabaseError) || PASSING_STATE.test(error.code ?? '')) throw error;
    throw maskingRefused(`${subject}: ${describe(error)}`);
  }
}

function describe({ code = '', constraint, column }: DatabaseError): string {
  const reason = reasons[code] ?? 'Postgres refuses the change';
  const names = [
    constraint ? `constraint "${constraint}"` : '',
    column ? `column "${column}"` : '',
  ];
  const where = names.filter((name) => name !== '').join(', ');
  return `${reason} (${where ? `${where}, ` : ''}SQLSTATE ${code})`;
}
