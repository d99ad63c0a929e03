import type { EndpointSettings, PreloadLibrary, ProjectSettings } from '@pgfleet/contract';
import { preloadableLibraries } from '@pgfleet/contract';
import { invalidField } from './invalid-request.ts';

/** A library that hosts have, as they report it. */
export interface InstalledLibrary {
  readonly name: string;
  readonly version: string;
}

type Preload = EndpointSettings['preload_libraries'];

/** The libraries that can be preloaded. None is preloaded without being asked for. */
export function presentLibraries(installed: readonly InstalledLibrary[]): PreloadLibrary[] {
  return installed.map(({ name, version }) => ({
    library_name: name,
    description: preloadableLibraries[name]?.description ?? '',
    is_default: false,
    is_experimental: false,
    version,
  }));
}

/** The libraries that an endpoint's Postgres loads: its own choice, or else the project's. */
export function enabledLibraries(
  project: Pick<ProjectSettings, 'preload_libraries'>,
  endpoint: Pick<EndpointSettings, 'preload_libraries'>,
): readonly string[] {
  const chosen = endpoint.preload_libraries ?? project.preload_libraries;
  return [...new Set(chosen?.enabled_libraries ?? [])];
}

export function areSameLibraries(one: readonly string[], other: readonly string[]): boolean {
  return one.join() === other.join();
}

/**
 * Checks that there is each library that is to be preloaded.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function requirePreloadLibraries(
  requested: Preload,
  installed: readonly InstalledLibrary[],
  field: string,
): void {
  for (const name of requested?.enabled_libraries ?? []) {
    if (installed.some((library) => library.name === name)) continue;
    const known = installed.map((library) => library.name).join(', ') || 'none';
    const problem = `"${name}" is not one of the available libraries: ${known}`;
    throw invalidField(`${field}.preload_libraries.enabled_libraries`, problem);
  }
}
