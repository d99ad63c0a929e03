import type { Organization } from '@pgfleet/contract';
import { timestamp } from '../../domain/timestamps.ts';
import type { OrganizationRow, UserRow } from '../../store/schema.ts';

// The contract has numbers where pgfleet has no limit.
const NO_LIMIT = 1_000_000;

/** A user as `GET /users/me` shows it. */
export function presentUser(user: UserRow) {
  return {
    active_seconds_limit: 0,
    auth_accounts: [],
    email: user.email,
    id: user.id,
    image: '',
    login: user.name,
    name: user.name,
    last_name: '',
    projects_limit: NO_LIMIT,
    branches_limit: NO_LIMIT,
    max_autoscaling_limit: 56,
    plan: 'unlimited',
  };
}

/** An organization as the API shows it. */
export function presentOrganization(organization: OrganizationRow): Organization {
  return {
    id: organization.id,
    name: organization.name,
    handle: organization.id,
    plan: 'unlimited',
    created_at: timestamp(organization.created_at),
    managed_by: 'console',
    updated_at: timestamp(organization.updated_at),
  };
}
