import type { PreloadLibrary } from '@pgfleet/contract';

/** Versions of the extension by Postgres major. */
const statementsVersions: Readonly<Record<number, string>> = {
  14: '1.9',
  15: '1.10',
  16: '1.10',
  17: '1.11',
  18: '1.12',
};

/**
 * The libraries that can be preloaded with any installation of a Postgres major: those of its own
 * contrib modules that do something for a tenant. None is preloaded without being asked for.
 */
export function preloadLibraries(pgMajor: number): PreloadLibrary[] {
  return [
    library('auto_explain', `${pgMajor}`, 'logs the plans of slow statements'),
    library('pg_prewarm', '1.2', 'loads what was in memory before a restart again'),
    library(
      'pg_stat_statements',
      statementsVersions[pgMajor] ?? `${pgMajor}`,
      'counts what statements cost',
    ),
  ];
}

function library(name: string, version: string, description: string): PreloadLibrary {
  return {
    library_name: name,
    description,
    is_default: false,
    is_experimental: false,
    version,
  };
}
