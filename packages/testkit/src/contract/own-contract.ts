import { apiOperationGroups, openApiDocument } from '@pgfleet/contract';
import { readContract } from './api-contract.ts';
import type { ApiContract, OpenApi } from './api-contract.ts';

let known: ApiContract | undefined;

/** The contract as pgfleet describes it. */
export function ownContract(): ApiContract {
  known ??= readContract(openApiDocument(apiOperationGroups, '') as unknown as OpenApi);
  return known;
}
