import type { AdminConnection } from './admin-connection.ts';

/** A login role as the API made it: a member of `neon_superuser`. */
export interface RoleSpec {
  readonly name: string;
  /** SCRAM-SHA-256 verifier; absent leaves the password as it is, `null` removes it. */
  readonly verifier?: string | null;
  /** A plain login role without `neon_superuser`'s rights when `false`. */
  readonly privileged?: boolean;
}

export interface DatabaseSpec {
  readonly name: string;
  readonly owner: string;
}

/** What must be true inside a cluster before its first client. */
export interface ClusterSpec {
  /** `cloud_admin`'s secret from now on. */
  readonly adminSecret: string;
  readonly roles: readonly RoleSpec[];
  readonly databases: readonly DatabaseSpec[];
  /** Renames done first, skipped when already done: the template's names to the project's. */
  readonly renameRoles?: readonly Rename[];
  readonly renameDatabases?: readonly Rename[];
}

export interface Rename {
  readonly from: string;
  readonly to: string;
}

/** Makes a cluster match its spec; repeatable after a crash at any point. */
export function applySpec(_connection: AdminConnection, _spec: ClusterSpec): Promise<void> {
  throw new Error('not yet');
}
