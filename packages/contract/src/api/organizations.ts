import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { OrganizationId, ProjectId, UserId } from '../ids.ts';
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

const role = Type.Enum([...memberRoles]);
const email = Type.String({ format: 'email', minLength: 1, maxLength: 256 });

/** Query of `GET /organizations/{org_id}/members`. */
export const MemberListQuery = Type.Object({
  sort_by: Type.Enum(['email', 'role', 'joined_at'], { default: 'joined_at' }),
  sort_order: Type.Enum(['asc', 'desc'], { default: 'desc' }),
  cursor: Type.Optional(Type.String({ maxLength: 2048 })),
  limit: Type.Integer({ minimum: 1, maximum: 500, default: 500 }),
});
export type MemberListQuery = Static<typeof MemberListQuery>;

/** Body of `PATCH /organizations/{org_id}/members/{member_id}`. */
export const MemberUpdateRequest = Type.Object({ role });
export type MemberUpdateRequest = Static<typeof MemberUpdateRequest>;

/** A user's belonging to an organization. */
export interface Member {
  readonly id: string;
  readonly user_id: UserId;
  readonly org_id: OrganizationId;
  readonly role: MemberRole;
  readonly joined_at: string;
}

/** Answer of `GET /organizations/{org_id}/members`. */
export interface MemberList {
  readonly members: readonly {
    readonly member: Member;
    readonly user: { readonly email: string };
  }[];
  readonly pagination?: {
    readonly next: string;
    readonly sort_by: string;
    readonly sort_order: string;
  };
}

/** Body of `POST /organizations/{org_id}/invitations`. */
export const InvitationsCreateRequest = Type.Object({
  invitations: Type.Array(Type.Object({ email, role }), { maxItems: 100 }),
});
export type InvitationsCreateRequest = Static<typeof InvitationsCreateRequest>;

/** An invitation, open or accepted. */
export interface Invitation {
  readonly id: string;
  readonly email: string;
  readonly org_id: OrganizationId;
  readonly invited_by: UserId;
  readonly invited_at: string;
  readonly role: MemberRole;
}

/** Body of `PUT /organizations/{org_id}/billing/spending_limit`. */
export const SpendingLimitUpdateRequest = Type.Object({
  spending_limit_cents: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
});
export type SpendingLimitUpdateRequest = Static<typeof SpendingLimitUpdateRequest>;

/** Body of `POST /pgfleet/organizations`. */
export const OrganizationCreateRequest = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 256 }),
});
export type OrganizationCreateRequest = Static<typeof OrganizationCreateRequest>;

/** Body of `POST /pgfleet/users`. */
export const UserCreateRequest = Type.Object({
  email,
  name: Type.String({ minLength: 1, maxLength: 256 }),
});
export type UserCreateRequest = Static<typeof UserCreateRequest>;
