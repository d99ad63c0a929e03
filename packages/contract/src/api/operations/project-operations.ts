import { AdvisorIssueList, AdvisorsQuery } from '../advisors.ts';
import { CreatedJwks, Jwks, JwksCreateRequest, JwksList, PreloadLibraryList } from '../jwks.ts';
import { OneOperation, OperationList, OperationListQuery } from '../operations.ts';
import {
  CreatedProject,
  OneProject,
  ProjectCreateRequest,
  ProjectDeleteQuery,
  ProjectList,
  ProjectListQuery,
  ProjectOperations,
  ProjectUpdateRequest,
  RecoveredProject,
  SharedProjectList,
  SharedProjectListQuery,
} from '../projects.ts';
import { ConnectionUri, ConnectionUriQuery } from '../roles.ts';
import {
  GrantPermissionRequest,
  ProjectPermission,
  ProjectPermissionList,
  TransferRequest,
  TransferRequestAcceptRequest,
  TransferRequestCreateRequest,
} from '../sharing.ts';
import { projectPath } from './api-operation.ts';
import type { ApiOperationGroup } from './api-operation.ts';

export const projectOperations: ApiOperationGroup = {
  name: 'Projects',
  operations: [
    {
      id: 'listProjects',
      method: 'GET',
      path: '/projects',
      summary: 'Projects by id, a page at a time.',
      query: ProjectListQuery,
      answers: { 200: ProjectList },
    },
    {
      id: 'createProject',
      method: 'POST',
      path: '/projects',
      summary: 'Makes a project with a branch, a compute, a role and a database.',
      body: ProjectCreateRequest,
      answers: { 201: CreatedProject },
    },
    {
      id: 'listSharedProjects',
      method: 'GET',
      path: '/projects/shared',
      summary: 'Projects of other organizations that are shared with the user.',
      query: SharedProjectListQuery,
      answers: { 200: SharedProjectList },
    },
    {
      id: 'getProject',
      method: 'GET',
      path: projectPath,
      summary: 'One project.',
      answers: { 200: OneProject },
    },
    {
      id: 'updateProject',
      method: 'PATCH',
      path: projectPath,
      summary: 'Changes the name, settings and defaults of a project.',
      body: ProjectUpdateRequest,
      answers: { 200: ProjectOperations },
    },
    {
      id: 'deleteProject',
      method: 'DELETE',
      path: projectPath,
      summary: 'Deletes a project with everything in it.',
      query: ProjectDeleteQuery,
      answers: { 200: OneProject },
    },
    {
      id: 'recoverProject',
      method: 'POST',
      path: `${projectPath}/recover`,
      summary: 'Brings a deleted project back.',
      answers: { 200: RecoveredProject },
    },
    {
      id: 'getAvailablePreloadLibraries',
      method: 'GET',
      path: `${projectPath}/available_preload_libraries`,
      summary: 'Libraries that the Postgres of a project can load at its start.',
      answers: { 200: PreloadLibraryList },
    },
    {
      id: 'getConnectionURI',
      method: 'GET',
      path: `${projectPath}/connection_uri`,
      summary: 'How to connect to a database as a role.',
      query: ConnectionUriQuery,
      answers: { 200: ConnectionUri },
    },
    {
      id: 'getProjectAdvisorSecurityIssues',
      method: 'GET',
      path: `${projectPath}/advisors`,
      summary: 'Mistakes in the definitions of a database, of security and of performance.',
      query: AdvisorsQuery,
      answers: { 200: AdvisorIssueList },
    },
  ],
};

export const projectSharingOperations: ApiOperationGroup = {
  name: 'Sharing of projects',
  operations: [
    {
      id: 'listProjectPermissions',
      method: 'GET',
      path: `${projectPath}/permissions`,
      summary: 'With whom a project is shared.',
      answers: { 200: ProjectPermissionList },
    },
    {
      id: 'grantPermissionToProject',
      method: 'POST',
      path: `${projectPath}/permissions`,
      summary: 'Shares a project with somebody.',
      body: GrantPermissionRequest,
      answers: { 200: ProjectPermission },
    },
    {
      id: 'revokePermissionFromProject',
      method: 'DELETE',
      path: `${projectPath}/permissions/{permission_id}`,
      summary: 'Ends that a project is shared with somebody.',
      answers: { 200: ProjectPermission },
    },
    {
      id: 'createProjectTransferRequest',
      method: 'POST',
      path: `${projectPath}/transfer_requests`,
      summary: 'Offers a project to whoever has the id of the offer.',
      body: TransferRequestCreateRequest,
      answers: { 201: TransferRequest },
    },
    {
      id: 'acceptProjectTransferRequest',
      method: 'PUT',
      path: `${projectPath}/transfer_requests/{request_id}`,
      summary: 'Takes up the offer of a project.',
      body: TransferRequestAcceptRequest,
      answers: { 204: null },
    },
    {
      id: 'getProjectJWKS',
      method: 'GET',
      path: `${projectPath}/jwks`,
      summary: 'Where keys are published that sign tokens.',
      answers: { 200: JwksList },
    },
    {
      id: 'addProjectJWKS',
      method: 'POST',
      path: `${projectPath}/jwks`,
      summary: 'Adds such a place.',
      body: JwksCreateRequest,
      answers: { 201: CreatedJwks },
    },
    {
      id: 'deleteProjectJWKS',
      method: 'DELETE',
      path: `${projectPath}/jwks/{jwks_id}`,
      summary: 'Forgets such a place.',
      answers: { 200: Jwks },
    },
  ],
};

export const operationOperations: ApiOperationGroup = {
  name: 'Operations',
  operations: [
    {
      id: 'listProjectOperations',
      method: 'GET',
      path: `${projectPath}/operations`,
      summary: 'What was and is being done in a project, newest first.',
      query: OperationListQuery,
      answers: { 200: OperationList },
    },
    {
      id: 'getProjectOperation',
      method: 'GET',
      path: `${projectPath}/operations/{operation_id}`,
      summary: 'One operation.',
      answers: { 200: OneOperation },
    },
  ],
};
