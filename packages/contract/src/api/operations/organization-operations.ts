import { Type } from 'typebox';
import {
  BranchConsumption,
  BranchConsumptionQuery,
  ConsumptionQuery,
  LegacyConsumption,
  ProjectConsumption,
  ProjectConsumptionQuery,
} from '../consumption.ts';
import {
  CreatedOrganizationApiKey,
  InvitationList,
  InvitationsCreateRequest,
  Member,
  MemberList,
  MemberListQuery,
  MemberUpdateRequest,
  Organization,
  OrganizationApiKeyCreateRequest,
  OrganizationApiKeyListItem,
  RevokedOrganizationApiKey,
  SpendingLimit,
  SpendingLimitUpdateRequest,
} from '../organizations.ts';
import { TransferProjectsRequest } from '../sharing.ts';
import { EmptyAnswer } from '../shown.ts';
import type { ApiOperationGroup } from './api-operation.ts';

const organizationPath = '/organizations/{org_id}';

const membersPath = `${organizationPath}/members`;
const spendingLimitPath = `${organizationPath}/billing/spending_limit`;

export const organizationOperations: ApiOperationGroup = {
  name: 'Organizations',
  operations: [
    {
      id: 'getOrganization',
      method: 'GET',
      path: organizationPath,
      summary: 'One organization.',
      answers: { 200: Organization },
    },
    {
      id: 'listOrgApiKeys',
      method: 'GET',
      path: `${organizationPath}/api_keys`,
      summary: 'The keys of an organization, without their secrets.',
      answers: { 200: Type.Array(OrganizationApiKeyListItem) },
    },
    {
      id: 'createOrgApiKey',
      method: 'POST',
      path: `${organizationPath}/api_keys`,
      summary: 'Makes a key of an organization or of one project, which is shown this once.',
      body: OrganizationApiKeyCreateRequest,
      answers: { 200: CreatedOrganizationApiKey },
    },
    {
      id: 'revokeOrgApiKey',
      method: 'DELETE',
      path: `${organizationPath}/api_keys/{key_id}`,
      summary: 'Ends a key of an organization for good.',
      answers: { 200: RevokedOrganizationApiKey },
    },
    {
      id: 'getOrganizationMembers',
      method: 'GET',
      path: membersPath,
      summary: 'The members of an organization, a page at a time.',
      query: MemberListQuery,
      answers: { 200: MemberList },
    },
    {
      id: 'getOrganizationMember',
      method: 'GET',
      path: `${membersPath}/{member_id}`,
      summary: 'One member.',
      answers: { 200: Member },
    },
    {
      id: 'updateOrganizationMember',
      method: 'PATCH',
      path: `${membersPath}/{member_id}`,
      summary: 'Gives a member another role.',
      body: MemberUpdateRequest,
      answers: { 200: Member },
    },
    {
      id: 'removeOrganizationMember',
      method: 'DELETE',
      path: `${membersPath}/{member_id}`,
      summary: 'Ends a membership.',
      answers: { 200: EmptyAnswer },
    },
    {
      id: 'getOrganizationInvitations',
      method: 'GET',
      path: `${organizationPath}/invitations`,
      summary: 'The invitations of an organization.',
      answers: { 200: InvitationList },
    },
    {
      id: 'createOrganizationInvitations',
      method: 'POST',
      path: `${organizationPath}/invitations`,
      summary: 'Invites people by their address; no mail is sent.',
      body: InvitationsCreateRequest,
      answers: { 200: InvitationList },
    },
    {
      id: 'getOrganizationSpendingLimit',
      method: 'GET',
      path: spendingLimitPath,
      summary: 'What an organization means to spend at most.',
      answers: { 200: SpendingLimit },
    },
    {
      id: 'setOrganizationSpendingLimit',
      method: 'PUT',
      path: spendingLimitPath,
      summary: 'Notes what an organization means to spend at most.',
      body: SpendingLimitUpdateRequest,
      answers: { 200: SpendingLimit },
    },
    {
      id: 'deleteOrganizationSpendingLimit',
      method: 'DELETE',
      path: spendingLimitPath,
      summary: 'Forgets the spending limit.',
      answers: { 200: EmptyAnswer },
    },
    {
      id: 'transferProjectsFromOrgToOrg',
      method: 'POST',
      path: '/organizations/{source_org_id}/projects/transfer',
      summary: 'Moves projects to another organization of the caller.',
      body: TransferProjectsRequest,
      answers: { 200: EmptyAnswer },
    },
  ],
};

export const consumptionOperations: ApiOperationGroup = {
  name: 'Consumption',
  operations: [
    {
      id: 'getConsumptionHistoryPerProject',
      method: 'GET',
      path: '/consumption_history/projects',
      summary: 'What projects used, in the fields of the first version.',
      query: ConsumptionQuery,
      answers: { 200: LegacyConsumption },
    },
    {
      id: 'getConsumptionHistoryPerProjectV2',
      method: 'GET',
      path: '/consumption_history/v2/projects',
      summary: 'What projects used, by metric.',
      query: ProjectConsumptionQuery,
      answers: { 200: ProjectConsumption },
    },
    {
      id: 'getConsumptionHistoryPerBranchV2',
      method: 'GET',
      path: '/consumption_history/v2/branches',
      summary: 'What branches used, by metric.',
      query: BranchConsumptionQuery,
      answers: { 200: BranchConsumption },
    },
  ],
};
