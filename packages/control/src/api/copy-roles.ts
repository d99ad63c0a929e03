import type { BranchId } from '@pgfleet/contract';
import { newRolePassword } from '../domain/new-project.ts';
import type { NewRole } from '../store/create-branch.ts';
import type { RoleRow } from '../store/schema.ts';
import type { ApiContext } from './api-context.ts';
import { resealPassword, storeRoleSecrets } from './role-secrets.ts';

/** A role for another branch; the password only where it is a new one. */
export interface CopiedRole {
  readonly role: NewRole;
  readonly password?: string;
}

/** Makes the roles of a branch fit for another one, with the passwords they have. */
export function inheritRoles(
  roles: readonly RoleRow[],
  branchId: BranchId,
  { secrets }: Pick<ApiContext, 'secrets'>,
): CopiedRole[] {
  return roles.map(({ name, verifier, can_login, is_protected, ...role }) => ({
    role: {
      name,
      verifier,
      can_login,
      is_protected,
      sealed_password: resealPassword({ name, ...role }, branchId, secrets),
    },
  }));
}

/** Makes the roles of a branch fit for another one, with passwords of their own. */
export function renewRoles(
  roles: readonly RoleRow[],
  target: { readonly branchId: BranchId; readonly isStored: boolean },
  { secrets }: Pick<ApiContext, 'secrets'>,
): Promise<CopiedRole[]> {
  return Promise.all(
    roles.map(async ({ name, can_login, is_protected }) => {
      if (!can_login) {
        return { role: { name, verifier: null, sealed_password: null, can_login, is_protected } };
      }
      const password = newRolePassword();
      const stored = await storeRoleSecrets({ ...target, name, password }, secrets);
      const { verifier, sealedPassword: sealed_password } = stored;
      return { role: { name, verifier, can_login, is_protected, sealed_password }, password };
    }),
  );
}
