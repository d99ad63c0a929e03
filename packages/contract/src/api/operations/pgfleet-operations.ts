import {
  CreatedUser,
  OneOrganization,
  OrganizationCreateRequest,
  UserCreateRequest,
} from '../organizations.ts';
import {
  OneRestoreDrill,
  RestoreDrillList,
  RestoreDrillListQuery,
  VerifyBranchRequest,
} from '../restore-drills.ts';
import { branchPath, projectPath } from './api-operation.ts';
import type { ApiOperationGroup } from './api-operation.ts';

/* What the contract does not have. */

export const restoreDrillOperations: ApiOperationGroup = {
  name: 'Restore drills',
  operations: [
    {
      id: 'listRestoreDrills',
      method: 'GET',
      path: `/pgfleet${projectPath}/restore_drills`,
      summary: 'Which branches were restored to see whether they can be, newest first.',
      query: RestoreDrillListQuery,
      answers: { 200: RestoreDrillList },
    },
    {
      id: 'verifyBranch',
      method: 'POST',
      path: `/pgfleet${branchPath}/verify`,
      summary: 'Restores a branch into a compute that is thrown away, and reads all of it.',
      body: VerifyBranchRequest,
      answers: { 200: OneRestoreDrill },
    },
  ],
};

export const operatorOperations: ApiOperationGroup = {
  name: 'Operators',
  operations: [
    {
      id: 'createUser',
      method: 'POST',
      path: '/pgfleet/users',
      summary: 'Makes a user with a first key; for operators of the installation.',
      body: UserCreateRequest,
      answers: { 201: CreatedUser },
    },
    {
      id: 'createOrganization',
      method: 'POST',
      path: '/pgfleet/organizations',
      summary: 'Makes an organization; for operators of the installation.',
      body: OrganizationCreateRequest,
      answers: { 201: OneOrganization },
    },
  ],
};
