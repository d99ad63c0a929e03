import { DatabaseError } from 'pg';
import { changeDatabase, createDatabase, dropDatabase } from './change-database.ts';
import { createRole, dropRole, setPassword } from './change-role.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { ComputeError } from './compute-error.ts';

/** A change of one role or one database, as the API asks for it. */
export type ContentChange =
  /** Without a verifier it cannot log in. */
  | { readonly kind: 'create_role'; readonly name: string; readonly verifier: string | null }
  | { readonly kind: 'set_password'; readonly name: string; readonly verifier: string }
  | { readonly kind: 'drop_role'; readonly name: string }
  | { readonly kind: 'create_database'; readonly name: string; readonly ownerName: string }
  | {
      readonly kind: 'change_database';
      readonly name: string;
      readonly newName?: string;
      readonly ownerName?: string;
    }
  | { readonly kind: 'drop_database'; readonly name: string };

// Lost connections, a lack of resources, objects that are in use, and stops come to an end.
const PASSING_STATE = /^(08|40|53|55|57)/;

/**
 * Makes a change in a cluster. It can be repeated, also after it was cut short at any point; what is
 * so already stays as it is.
 *
 * @throws ComputeError `change_refused` when Postgres says no; the connection's error otherwise.
 */
export async function changeContent(access: ClusterAccess, change: ContentChange): Promise<void> {
  try {
    await make(access, change);
  } catch (error) {
    if (!(error instanceof DatabaseError) || PASSING_STATE.test(error.code ?? '')) throw error;
    const message = `Postgres refuses the change: ${error.message}`;
    throw new ComputeError('change_refused', message, { cause: error });
  }
}

async function make(access: ClusterAccess, change: ContentChange): Promise<void> {
  const { connection } = access;
  switch (change.kind) {
    case 'create_role':
      await createRole(connection, change);
      break;
    case 'set_password':
      await setPassword(connection, change);
      break;
    case 'drop_role':
      await dropRole(access, change.name);
      break;
    case 'create_database':
      await createDatabase(connection, { name: change.name, owner: change.ownerName });
      break;
    case 'change_database':
      await changeDatabase(access, change);
      break;
    case 'drop_database':
      await dropDatabase(access, change.name);
  }
}
