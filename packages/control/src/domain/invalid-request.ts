import { PgfleetError } from '@pgfleet/contract';

/** An error about a field of the request body, worded as the contract's own are. */
export function invalidField(field: string, problem: string): PgfleetError {
  return new PgfleetError('invalid_request', {
    message: `invalid request: decode application/json: invalid: ${field} (${problem})`,
  });
}

/** An error about a parameter of the query, worded as the contract's own are. */
export function invalidQuery(field: string, problem: string): PgfleetError {
  return new PgfleetError('invalid_request', {
    message: `invalid request: decode params: query: ${field} (${problem})`,
  });
}
