import { ensureInstallationView, findInstallations } from '@pgfleet/compute';
import type { InstallationView, PostgresInstallation } from '@pgfleet/compute';
import { defaultPostgresMajor, PgfleetError } from '@pgfleet/contract';
import type { HostInfo } from '@pgfleet/contract';
import { findPreloadLibraries } from './preload-libraries.ts';

/** The Postgres installations of this machine and pgfleet's private views of them. */
export class PostgresBuilds {
  readonly #installations: ReadonlyMap<number, PostgresInstallation>;
  /** The libraries that tenants can have preloaded. */
  readonly preloadLibraries: NonNullable<HostInfo['preloadLibraries']>;
  readonly #viewsDir: string;
  readonly #views = new Map<number, Promise<InstallationView>>();

  private constructor(found: readonly PostgresInstallation[], viewsDir: string) {
    this.#installations = new Map(found.map((installation) => [installation.major, installation]));
    this.preloadLibraries = found.flatMap(findPreloadLibraries);
    this.#viewsDir = viewsDir;
  }

  static async open(viewsDir: string): Promise<PostgresBuilds> {
    return new PostgresBuilds(await findInstallations(), viewsDir);
  }

  get majors(): readonly number[] {
    return [...this.#installations.keys()];
  }

  /** The default version, else the newest. @throws PgfleetError when there is none at all. */
  get preferredMajor(): number {
    if (this.#installations.has(defaultPostgresMajor)) return defaultPostgresMajor;
    const [newest] = this.majors;
    if (newest === undefined) throw versionMissing(defaultPostgresMajor, []);
    return newest;
  }

  /** @throws PgfleetError `postgres_version_missing`. */
  async view(major: number): Promise<InstallationView> {
    const installation = this.#installations.get(major);
    if (!installation) throw versionMissing(major, this.majors);
    const made = this.#views.get(major) ?? ensureInstallationView(installation, this.#viewsDir);
    this.#views.set(major, made);
    try {
      return await made;
    } catch (error) {
      this.#views.delete(major);
      throw error;
    }
  }
}

function versionMissing(major: number, majors: readonly number[]): PgfleetError {
  const present = majors.join(', ') || 'none';
  return new PgfleetError('postgres_version_missing', {
    message: `Postgres ${major} is not installed on this host (installed: ${present})`,
  });
}
