import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { OrganizationId, ProjectId, UserId } from '../ids.ts';
import { idPattern } from '../ids.ts';
import { ApiKeyCreateRequest, ApiKeyListItem, CreatedApiKey, RevokedApiKey } from './accounts.ts';
import { SortedPagination, Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

/** What members of an organization can be, as the contract names them. */
export const memberRoles = ['admin', 'member', 'editor', 'viewer', 'collaborator'] as const;
export type MemberRole = (typeof memberRoles)[number];

/** An organization as the API shows it. */
export const Organization = Type.Object(
  {
    id: Type.Unsafe<OrganizationId>(Type.String({ pattern: idPattern })),
    name: Type.String(),
    handle: Type.String(),
    plan: Type.String(),
    created_at: Timestamp,
    managed_by: Type.String(),
    updated_at: Timestamp,
  },
  { title: 'Organization' },
);
export type Organization = Shown<typeof Organization>;

/** Answer of `GET /users/me/organizations`. */
export const OrganizationList = Type.Object({ organizations: Type.Array(Organization) });

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

const scope = {
  project_id: Type.Optional(Type.Unsafe<ProjectId>(Type.String({ pattern: idPattern }))),
};

/** Answer of `POST /organizations/{org_id}/api_keys`: the only one that ever shows the key. */
export const CreatedOrganizationApiKey = Type.Object(
  { ...CreatedApiKey.properties, ...scope },
  { title: 'CreatedOrganizationApiKey' },
);
export type CreatedOrganizationApiKey = Shown<typeof CreatedOrganizationApiKey>;

/** A key of an organization in the list of its keys. */
export const OrganizationApiKeyListItem = Type.Object(
  { ...ApiKeyListItem.properties, ...scope },
  { title: 'OrganizationApiKeyListItem' },
);
export type OrganizationApiKeyListItem = Shown<typeof OrganizationApiKeyListItem>;

/** Answer of `DELETE /organizations/{org_id}/api_keys/{key_id}`. */
export const RevokedOrganizationApiKey = Type.Object(
  { ...RevokedApiKey.properties, ...scope },
  { title: 'RevokedOrganizationApiKey' },
);
export type RevokedOrganizationApiKey = Shown<typeof RevokedOrganizationApiKey>;

const role = Type.Unsafe<MemberRole>(Type.Enum([...memberRoles]));
const uuid = Type.String({ format: 'uuid' });
const userId = Type.Unsafe<UserId>(uuid);
const organizationId = Type.Unsafe<OrganizationId>(Type.String({ pattern: idPattern }));
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
export const Member = Type.Object(
  { id: uuid, user_id: userId, org_id: organizationId, role, joined_at: Timestamp },
  { title: 'Member' },
);
export type Member = Shown<typeof Member>;

/** Answer of `GET /organizations/{org_id}/members`. */
export const MemberList = Type.Object({
  members: Type.Array(Type.Object({ member: Member, user: Type.Object({ email }) })),
  pagination: Type.Optional(SortedPagination),
});
export type MemberList = Shown<typeof MemberList>;

/** Body of `POST /organizations/{org_id}/invitations`. */
export const InvitationsCreateRequest = Type.Object({
  invitations: Type.Array(Type.Object({ email, role }), { maxItems: 100 }),
});
export type InvitationsCreateRequest = Static<typeof InvitationsCreateRequest>;

/** An invitation, open or accepted. */
export const Invitation = Type.Object(
  {
    id: uuid,
    email,
    org_id: organizationId,
    invited_by: userId,
    invited_at: Timestamp,
    role,
  },
  { title: 'Invitation' },
);
export type Invitation = Shown<typeof Invitation>;

/** Answer of calls that list or make invitations. */
export const InvitationList = Type.Object({ invitations: Type.Array(Invitation) });

/** Body of `PUT /organizations/{org_id}/billing/spending_limit`. */
export const SpendingLimitUpdateRequest = Type.Object({
  spending_limit_cents: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
});
export type SpendingLimitUpdateRequest = Static<typeof SpendingLimitUpdateRequest>;

/** Answer of `GET` and `PUT /organizations/{org_id}/billing/spending_limit`. */
export const SpendingLimit = Type.Object({
  spending_limit_cents: Type.Union([Type.Integer(), Type.Null()]),
});

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

/** Answer of `POST /pgfleet/organizations`. */
export const OneOrganization = Type.Object({ organization: Organization });

/** Answer of `POST /pgfleet/users`: the only one that ever shows the key. */
export const CreatedUser = Type.Object({
  user: Type.Object({ id: userId, email: Type.String(), name: Type.String() }),
  api_key: CreatedApiKey,
});
