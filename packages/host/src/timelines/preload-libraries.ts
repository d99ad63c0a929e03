import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresInstallation } from '@pgfleet/compute';
import { preloadableLibraries } from '@pgfleet/contract';
import type { HostInfo } from '@pgfleet/contract';

type Found = NonNullable<HostInfo['preloadLibraries']>[number];

/** Finds the libraries of an installation that tenants may have preloaded. */
export function findPreloadLibraries(installation: PostgresInstallation): Found[] {
  const { major: pgMajor } = installation;
  return Object.entries(preloadableLibraries)
    .filter(([name]) => hasLibrary(name, installation))
    .map(([name, { hasExtension }]) => {
      const version = hasExtension ? extensionVersion(name, installation) : undefined;
      return { name, pgMajor, version: version ?? String(pgMajor) };
    });
}

function hasLibrary(name: string, { pkgLibDir }: PostgresInstallation): boolean {
  return ['so', 'dylib'].some((kind) => existsSync(join(pkgLibDir, `${name}.${kind}`)));
}

function extensionVersion(name: string, { shareDir }: PostgresInstallation): string | undefined {
  const control = join(shareDir, 'extension', `${name}.control`);
  if (!existsSync(control)) return undefined;
  return /^default_version\s*=\s*'([^']+)'/m.exec(readFileSync(control, 'utf8'))?.[1];
}
