import { apiKeyOperations, userOperations } from './account-operations.ts';
import type { ApiOperationGroup } from './api-operation.ts';
import { branchContentOperations, branchOperations } from './branch-operations.ts';
import { endpointOperations } from './endpoint-operations.ts';
import { consumptionOperations, organizationOperations } from './organization-operations.ts';
import { operatorOperations, restoreDrillOperations } from './pgfleet-operations.ts';
import {
  operationOperations,
  projectOperations,
  projectSharingOperations,
} from './project-operations.ts';
import { snapshotOperations } from './snapshot-operations.ts';

/** All operations of the public API, those of the contract and pgfleet's own. */
export const apiOperationGroups: readonly ApiOperationGroup[] = [
  projectOperations,
  projectSharingOperations,
  branchOperations,
  branchContentOperations,
  endpointOperations,
  snapshotOperations,
  operationOperations,
  apiKeyOperations,
  userOperations,
  organizationOperations,
  consumptionOperations,
  restoreDrillOperations,
  operatorOperations,
];
