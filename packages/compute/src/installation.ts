/** One Postgres that this machine can run. */
export interface PostgresInstallation {
  readonly major: number;
  /** As `postgres --version` says it, for example `17.10`. */
  readonly version: string;
  readonly binDir: string;
  readonly libDir: string;
  readonly shareDir: string;
  readonly pkgLibDir: string;
  readonly source: 'npm' | 'system' | 'pg_config';
  readonly hasPgDump: boolean;
}

/** Finds one installation per major version, newest major first. */
export function findInstallations(): Promise<readonly PostgresInstallation[]> {
  throw new Error('not yet');
}
