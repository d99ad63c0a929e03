import type { EndpointSettings } from '@pgfleet/contract';
import { requirePreloadLibraries } from '../domain/preload-libraries.ts';
import type { Database } from '../store/database.ts';
import { listInstalledLibraries } from '../store/hosts.ts';

type Preloading = Pick<EndpointSettings, 'preload_libraries'>;

/**
 * Checks that the hosts of a project's region have the libraries that are to be preloaded.
 *
 * @throws PgfleetError `invalid_request`.
 */
export async function requireLibraries(
  db: Database,
  project: { readonly region_id: string; readonly pg_major: number },
  request: { readonly settings: Preloading | undefined; readonly field: string },
): Promise<void> {
  const requested = request.settings?.preload_libraries;
  if (!requested?.enabled_libraries?.length) return;
  requirePreloadLibraries(requested, await listInstalledLibraries(db, project), request.field);
}
