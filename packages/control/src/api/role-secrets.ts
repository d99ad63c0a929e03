import type { BranchId } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import type { SecretBox } from '@pgfleet/kit';
import { createScramVerifier } from '@pgfleet/pgwire';
import type { StoredRoleSecrets } from '../store/create-project.ts';
import type { RoleRow } from '../store/schema.ts';

export interface RoleSecret {
  readonly branchId: BranchId;
  readonly name: string;
  readonly password: string;
  /** Whether the project stores passwords. */
  readonly isStored: boolean;
}

/** Prepares a role's password for the database: the verifier, and the sealed text if wanted. */
export async function storeRoleSecrets(
  { branchId, name, password, isStored }: RoleSecret,
  secrets: SecretBox,
): Promise<StoredRoleSecrets> {
  return {
    verifier: await createScramVerifier(password),
    sealedPassword: isStored ? secrets.seal(password, sealContext(branchId, name)) : null,
  };
}

/** @throws PgfleetError `passwords_not_stored`, `role_cannot_log_in`. */
export function revealPassword(role: RoleRow, secrets: SecretBox): string {
  if (!role.can_login) throw new PgfleetError('role_cannot_log_in');
  if (role.sealed_password === null) throw new PgfleetError('passwords_not_stored');
  return secrets.open(role.sealed_password, sealContext(role.branch_id, role.name));
}

/** The sealed password of a role for the same role of another branch; null where none is stored. */
export function resealPassword(
  role: Pick<RoleRow, 'branch_id' | 'name' | 'sealed_password'>,
  branchId: BranchId,
  secrets: SecretBox,
): string | null {
  if (role.sealed_password === null) return null;
  const password = secrets.open(role.sealed_password, sealContext(role.branch_id, role.name));
  return secrets.seal(password, sealContext(branchId, role.name));
}

function sealContext(branchId: BranchId, name: string): string {
  return `role/${branchId}/${name}`;
}
