import { PgfleetError } from '@pgfleet/contract';
import type { MemberRole, OrganizationId, ProjectId, UserId } from '@pgfleet/contract';

/*
 * Whom a request comes from and what that one may do.
 *
 * A user's key opens what the user's roles in organizations open, and projects that were shared with
 * the user. A key of an organization is an admin of that organization and nobody elsewhere. A key of
 * a project is a member of its organization who sees nothing but that project.
 */

/** Whom a request comes from. */
export interface Principal {
  readonly apiKeyId: number;
  /** The user, or whoever made the key of an organization. */
  readonly userId: UserId;
  /** The user's address, in lower case. */
  readonly email: string;
  readonly subject: 'user' | 'organization';
  /** The only project that the key opens; null without such a limit. */
  readonly projectId: ProjectId | null;
  /** Whether the user runs the installation, and asks with a key of the user's own. */
  readonly isOperator: boolean;
  readonly memberships: readonly Membership[];
}

export interface Membership {
  readonly organizationId: OrganizationId;
  readonly role: MemberRole;
}

/**
 * What a role in an organization gives: to look at its projects, to change them, to make new ones
 * and take others over, and to manage them and the organization.
 */
export type Right = 'view' | 'edit' | 'create' | 'manage';

/** What a request needs on a project. Passwords are for those only who may edit. */
export type ProjectRight = Exclude<Right, 'create'>;

/**
 * Somebody who asks for a project. Without a right of its own, reading needs `view` and changing
 * needs `edit`.
 */
export interface ProjectAccess extends Principal {
  readonly right?: ProjectRight;
}

const rights: Readonly<Record<MemberRole, ReadonlySet<Right>>> = {
  admin: new Set(['view', 'edit', 'create', 'manage']),
  member: new Set(['view', 'edit', 'create']),
  editor: new Set(['view', 'edit']),
  viewer: new Set(['view']),
  // Sees the projects only that were shared.
  collaborator: new Set(),
};

/** The organizations in which somebody has a right. */
export function organizationsWith({ memberships }: Principal, right: Right): OrganizationId[] {
  return memberships
    .filter(({ role }) => rights[role].has(right))
    .map(({ organizationId }) => organizationId);
}

/**
 * Refuses whoever has not the right in an organization; without a right, whoever does not belong
 * to it.
 *
 * @throws PgfleetError `organization_not_found`, `forbidden`, `outside_key_scope`.
 */
export function requireOrganization(
  principal: Principal,
  id: string,
  right: Right | null,
): OrganizationId {
  requireNoScope(principal);
  const membership = principal.memberships.find(({ organizationId }) => organizationId === id);
  if (!membership) throw new PgfleetError('organization_not_found');
  if (right === null || rights[membership.role].has(right)) return membership.organizationId;
  throw new PgfleetError('forbidden', {
    message: `not allowed for the role ${membership.role} of this organization`,
  });
}

/**
 * Refuses a key of a single project, or one whose project is not the given one.
 *
 * @throws PgfleetError `outside_key_scope`.
 */
export function requireNoScope({ projectId }: Principal, wanted?: string): void {
  if (projectId === null || projectId === wanted) return;
  const text = 'not allowed to perform actions outside the project this key is scoped to';
  throw new PgfleetError('outside_key_scope', {
    message: `${text}; subject_project_id:"${projectId}"`,
  });
}

/** @throws PgfleetError `not_for_organization_keys`. */
export function requireUser({ subject }: Principal): void {
  if (subject !== 'user') throw new PgfleetError('not_for_organization_keys');
}
