import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { OrganizationId, ProjectId } from '../ids.ts';
import { idPattern } from '../ids.ts';
import { ApiKeyCreateRequest } from './accounts.ts';
import type { ApiKeyListItem, CreatedApiKey, RevokedApiKey } from './accounts.ts';

/** What members of an organization can be, as the contract names them. */
export const memberRoles = ['admin', 'member', 'editor', 'viewer', 'collaborator'] as const;
export type MemberRole = (typeof memberRoles)[number];

/** An organization as the API shows it. */
export interface Organization {
  readonly id: OrganizationId;
  readonly name: string;
  readonly handle: string;
  readonly plan: string;
  readonly created_at: string;
  readonly managed_by: string;
  readonly updated_at: string;
}

/** Body of `POST /organizations/{org_id}/api_keys`. */
export const OrganizationApiKeyCreateRequest = Type.Object({
  ...ApiKeyCreateRequest.properties,
  /** The only project that the key opens. */
  project_id: Type.Optional(Type.String({ pattern: idPattern })),
});
export type OrganizationApiKeyCreateRequest = Static<typeof OrganizationApiKeyCreateRequest>;

/** The project that a key of an organization is limited to; left out without such a limit. */
export interface KeyScope {
  readonly project_id?: ProjectId;
}

/** Answer of `POST /organizations/{org_id}/api_keys`: the only one that ever shows the key. */
export type CreatedOrganizationApiKey = CreatedApiKey & KeyScope;

/** A key of an organization in the list of its keys. */
export type OrganizationApiKeyListItem = ApiKeyListItem & KeyScope;

/** Answer of `DELETE /organizations/{org_id}/api_keys/{key_id}`. */
export type RevokedOrganizationApiKey = RevokedApiKey & KeyScope;
