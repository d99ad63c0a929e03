import type { Database as DatabaseShown, Role } from '@pgfleet/contract';
import { timestamp } from '../../domain/timestamps.ts';
import type { DatabaseRow, RoleRow } from '../../store/schema.ts';

/** A role as the API shows it, with its password only where that was just made. */
export function presentRole(
  role: Omit<RoleRow, 'verifier' | 'sealed_password' | 'can_login'> & {
    readonly can_login?: boolean;
  },
  password?: string,
): Role {
  return {
    branch_id: role.branch_id,
    name: role.name,
    ...(password === undefined ? {} : { password }),
    ...(role.can_login === false ? { authentication_method: 'no_login' } : {}),
    protected: role.is_protected,
    created_at: timestamp(role.created_at),
    updated_at: timestamp(role.updated_at),
  };
}

/** A database as the API shows it. */
export function presentDatabase(database: DatabaseRow): DatabaseShown {
  return {
    id: database.id,
    branch_id: database.branch_id,
    name: database.name,
    owner_name: database.owner_name,
    created_at: timestamp(database.created_at),
    updated_at: timestamp(database.updated_at),
  };
}
