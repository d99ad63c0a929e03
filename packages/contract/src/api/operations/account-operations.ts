import { Type } from 'typebox';
import {
  ApiKeyCreateRequest,
  ApiKeyListItem,
  AuthDetails,
  CreatedApiKey,
  CurrentUser,
  RegionList,
  RegionListQuery,
  RevokedApiKey,
} from '../accounts.ts';
import { OrganizationList } from '../organizations.ts';
import { EmptyAnswer } from '../shown.ts';
import { TransferProjectsRequest } from '../sharing.ts';
import type { ApiOperationGroup } from './api-operation.ts';

export const apiKeyOperations: ApiOperationGroup = {
  name: 'API keys',
  operations: [
    {
      id: 'listApiKeys',
      method: 'GET',
      path: '/api_keys',
      summary: 'The keys of the user, without their secrets.',
      answers: { 200: Type.Array(ApiKeyListItem) },
    },
    {
      id: 'createApiKey',
      method: 'POST',
      path: '/api_keys',
      summary: 'Makes a key, which is shown this once.',
      body: ApiKeyCreateRequest,
      answers: { 200: CreatedApiKey },
    },
    {
      id: 'revokeApiKey',
      method: 'DELETE',
      path: '/api_keys/{key_id}',
      summary: 'Ends a key for good.',
      answers: { 200: RevokedApiKey },
    },
  ],
};

export const userOperations: ApiOperationGroup = {
  name: 'Users and regions',
  operations: [
    {
      id: 'getActiveRegions',
      method: 'GET',
      path: '/regions',
      summary: 'The regions of the installation, the default first.',
      query: RegionListQuery,
      answers: { 200: RegionList },
    },
    {
      id: 'getCurrentUserInfo',
      method: 'GET',
      path: '/users/me',
      summary: 'Whose key the request carries.',
      answers: { 200: CurrentUser },
    },
    {
      id: 'getCurrentUserOrganizations',
      method: 'GET',
      path: '/users/me/organizations',
      summary: 'The organizations that the user belongs to.',
      answers: { 200: OrganizationList },
    },
    {
      id: 'transferProjectsFromUserToOrg',
      method: 'POST',
      path: '/users/me/projects/transfer',
      summary: 'Moves projects that the user made to an organization.',
      body: TransferProjectsRequest,
      answers: { 200: EmptyAnswer },
    },
    {
      id: 'getAuthDetails',
      method: 'GET',
      path: '/auth',
      summary: 'What kind of key the request carries.',
      answers: { 200: AuthDetails },
    },
  ],
};
