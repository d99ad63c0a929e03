import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstallationView, findInstallations } from '@pgfleet/compute';

// Beside what npm installed, so that the view is made of hard links and goes with it.
const VIEWS = join(import.meta.dirname, '../../../node_modules/.cache/pgfleet');

/**
 * The directory of `postgres` and `initdb` of a major version, in a state in which they run: what
 * npm installed may lack links between its libraries.
 */
export async function postgresPrograms(major: number): Promise<string> {
  const installation = (await findInstallations()).find((found) => found.major === major);
  if (!installation) throw new Error(`Postgres ${major} is not installed: run npm install`);
  mkdirSync(VIEWS, { recursive: true });
  const view = await ensureInstallationView(installation, VIEWS);
  return join(view.directory, view.binPath);
}
