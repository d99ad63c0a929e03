import {
  BranchCount,
  BranchCountQuery,
  BranchCreateRequest,
  BranchDeleteQuery,
  BranchList,
  BranchListQuery,
  BranchOperations,
  BranchRestoreRequest,
  BranchUpdateRequest,
  CreatedBranch,
  OneBranch,
  RecoveredBranch,
} from '../branches.ts';
import { EndpointList } from '../endpoints.ts';
import { StartedOperations } from '../operations.ts';
import { DatabaseList, OneDatabase, OneRole, RoleList, RolePassword } from '../roles.ts';
import {
  BranchSchemaResponse,
  SchemaCompareQuery,
  SchemaComparison,
  SchemaQuery,
} from '../schema.ts';
import { FinalizeRestoreRequest } from '../snapshots.ts';
import { branchPath, projectPath } from './api-operation.ts';
import type { ApiOperationGroup } from './api-operation.ts';

export const branchOperations: ApiOperationGroup = {
  name: 'Branches',
  operations: [
    {
      id: 'listProjectBranches',
      method: 'GET',
      path: `${projectPath}/branches`,
      summary: 'Branches of a project, a page at a time.',
      query: BranchListQuery,
      answers: { 200: BranchList },
    },
    {
      id: 'createProjectBranch',
      method: 'POST',
      path: `${projectPath}/branches`,
      summary: 'Makes a branch of another one, at its head or a point of its past.',
      body: BranchCreateRequest,
      answers: { 201: CreatedBranch },
    },
    {
      id: 'countProjectBranches',
      method: 'GET',
      path: `${projectPath}/branches/count`,
      summary: 'How many branches a project has.',
      query: BranchCountQuery,
      answers: { 200: BranchCount },
    },
    {
      id: 'getProjectBranch',
      method: 'GET',
      path: branchPath,
      summary: 'One branch.',
      answers: { 200: OneBranch },
    },
    {
      id: 'updateProjectBranch',
      method: 'PATCH',
      path: branchPath,
      summary: 'Renames, protects or expires a branch.',
      body: BranchUpdateRequest,
      answers: { 200: BranchOperations },
    },
    {
      id: 'deleteProjectBranch',
      method: 'DELETE',
      path: branchPath,
      summary: 'Deletes a branch; 204 when it is already gone.',
      query: BranchDeleteQuery,
      answers: { 200: BranchOperations, 204: null },
    },
    {
      id: 'restoreProjectBranch',
      method: 'POST',
      path: `${branchPath}/restore`,
      summary: 'Takes a branch to a point of its own past or of another branch.',
      body: BranchRestoreRequest,
      answers: { 200: BranchOperations },
    },
    {
      id: 'setDefaultProjectBranch',
      method: 'POST',
      path: `${branchPath}/set_as_default`,
      summary: 'Makes a branch the default of its project.',
      answers: { 200: BranchOperations },
    },
    {
      id: 'recoverProjectBranch',
      method: 'POST',
      path: `${branchPath}/recover`,
      summary: 'Brings a deleted branch back.',
      answers: { 200: RecoveredBranch },
    },
    {
      id: 'finalizeRestoreBranch',
      method: 'POST',
      path: `${branchPath}/finalize_restore`,
      summary: 'Puts a restored snapshot in the place of the branch that it was restored for.',
      body: FinalizeRestoreRequest,
      answers: { 200: StartedOperations },
    },
    {
      id: 'getProjectBranchSchema',
      method: 'GET',
      path: `${branchPath}/schema`,
      summary: 'The schema of a database, now or in the past.',
      query: SchemaQuery,
      answers: { 200: BranchSchemaResponse },
    },
    {
      id: 'getProjectBranchSchemaComparison',
      method: 'GET',
      path: `${branchPath}/compare_schema`,
      summary: 'How the schemas of a database differ between two branches.',
      query: SchemaCompareQuery,
      answers: { 200: SchemaComparison },
    },
    {
      id: 'listProjectBranchEndpoints',
      method: 'GET',
      path: `${branchPath}/endpoints`,
      summary: 'The endpoints of a branch.',
      answers: { 200: EndpointList },
    },
  ],
};

export const branchContentOperations: ApiOperationGroup = {
  name: 'Roles and databases',
  operations: [
    {
      id: 'listProjectBranchDatabases',
      method: 'GET',
      path: `${branchPath}/databases`,
      summary: 'The databases of a branch.',
      answers: { 200: DatabaseList },
    },
    {
      id: 'getProjectBranchDatabase',
      method: 'GET',
      path: `${branchPath}/databases/{database_name}`,
      summary: 'One database.',
      answers: { 200: OneDatabase },
    },
    {
      id: 'listProjectBranchRoles',
      method: 'GET',
      path: `${branchPath}/roles`,
      summary: 'The roles of a branch.',
      answers: { 200: RoleList },
    },
    {
      id: 'getProjectBranchRole',
      method: 'GET',
      path: `${branchPath}/roles/{role_name}`,
      summary: 'One role.',
      answers: { 200: OneRole },
    },
    {
      id: 'getProjectBranchRolePassword',
      method: 'GET',
      path: `${branchPath}/roles/{role_name}/reveal_password`,
      summary: 'The password of a role, where passwords are stored.',
      answers: { 200: RolePassword },
    },
  ],
};
