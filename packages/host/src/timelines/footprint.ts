import type { AdminConnection } from '@pgfleet/compute';

/** What a cluster says of itself for sizes, and for those who copy it. */
export interface Footprint {
  readonly logicalBytes: number;
  readonly hasSubscriptions: boolean;
}

/** Reads a cluster's logical size, templates left out, and whether it has subscriptions. */
export async function readFootprint(connection: AdminConnection): Promise<Footprint> {
  const [row] = await connection.query<{ bytes: string; subscriptions: boolean }>(
    `SELECT coalesce(sum(pg_database_size(oid)) FILTER (WHERE NOT datistemplate), 0) AS bytes,
       EXISTS (SELECT FROM pg_subscription WHERE subenabled OR subslotname IS NOT NULL) AS subscriptions
     FROM pg_database`,
  );
  return { logicalBytes: Number(row!.bytes), hasSubscriptions: row!.subscriptions };
}
