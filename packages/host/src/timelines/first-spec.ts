import type { AdminConnection, ClusterSpec } from '@pgfleet/compute';
import { initialClusterSpec } from './initial-spec.ts';
import type { TimelineRecord } from './timeline-record.ts';

/**
 * What has to be inside a cluster before its first client. A copy has all of its source; roles that
 * are given new passwords may not exist at the point it is of.
 */
export async function firstSpec(
  connection: AdminConnection,
  { spec }: Pick<TimelineRecord, 'spec'>,
  adminSecret: string,
): Promise<ClusterSpec> {
  if (!['timeline', 'masked'].includes(spec.source.kind)) {
    return initialClusterSpec(spec.initial, adminSecret);
  }
  const rows = await connection.query<{ rolname: string }>(
    'SELECT rolname FROM pg_authid WHERE rolname = ANY ($1)',
    [spec.initial.roles.map(({ name }) => name)],
  );
  const there = new Set(rows.map(({ rolname }) => rolname));
  const roles = spec.initial.roles.filter(({ name }) => there.has(name));
  return { adminSecret, roles, databases: [] };
}
