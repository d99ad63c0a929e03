import { ADMIN_ROLE } from './admin-connection.ts';
import { DataDirectory } from './data-directory.ts';

const FILE = 'pg_hba.conf';
const MAX_BYTES = 64 * 1024;
// `all` does not stand for physical replication, which is for standbys that pgfleet itself starts.
const ADMIT_STANDBYS = `local replication ${ADMIN_ROLE} scram-sha-256\n`;

/** Who may log in to a cluster, and how: anybody over the Unix socket, with a password. */
export const HOST_BASED_ACCESS = `local all all scram-sha-256\n${ADMIT_STANDBYS}`;

/**
 * Lets standbys log in to a cluster at rest that was made before there were any. The caller has the lock
 * of its timeline.
 */
export async function admitStandbys(dataDirectory: string): Promise<void> {
  using files = DataDirectory.open(dataDirectory);
  const rules = files.read(FILE, MAX_BYTES).toString();
  if (rules.includes(ADMIT_STANDBYS)) return;
  await files.replace(FILE, `${rules.trimEnd()}\n${ADMIT_STANDBYS}`);
}
