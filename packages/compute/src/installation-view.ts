import type { PostgresInstallation } from './installation.ts';

/** A private, world-readable view of an installation with Neon's extensions made trusted. */
export interface InstallationView {
  readonly major: number;
  readonly version: string;
  readonly directory: string;
  /** Path of `postgres` and `initdb` below {@link directory}. */
  readonly binPath: string;
  /** Directories outside the view that its links lead to; a sandbox shows them read-only. */
  readonly exposes: readonly string[];
}

/** Makes the view `<viewsDirectory>/<major>-<version>-<hash>` unless it is there already. */
export function ensureInstallationView(
  _installation: PostgresInstallation,
  _viewsDirectory: string,
): Promise<InstallationView> {
  throw new Error('not yet');
}
