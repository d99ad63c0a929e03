import { createHash } from 'node:crypto';
import { Client } from 'pg';
import { activityStatements } from './fleet-activity.ts';
import { accountStatements } from './fleet-accounts.ts';
import { tenantStatements } from './fleet-tenants.ts';

export interface FleetOptions {
  /** Projects that live; about a tenth as many deleted ones are added. At least 100. */
  readonly projects: number;
  /**
   * Whether foreign keys are checked and triggers run while rows are inserted, which takes several
   * times as long; `true` when left out. The rows are the same.
   */
  readonly isChecked?: boolean;
}

/** Where to look in a seeded fleet. */
export interface Fleet {
  /** Of the admin: four tenths of all projects belong to it, and many members. */
  readonly organizationId: string;
  /** A project of it with hundreds of branches, snapshots and operations. */
  readonly largestProjectId: string;
  /** Up to 500 other projects of it, in no order. */
  readonly projectIds: readonly string[];
  /** The key of a user who is a member of many organizations. */
  readonly managerKey: string;
  /** The key of a user with whom many projects were shared. */
  readonly guestKey: string;
  /** Rows of all tables together. */
  readonly rows: number;
}

/**
 * Fills a control database, migrated and with its admin, with a synthetic fleet: organizations,
 * users, keys, projects alive, recoverable and gone, branches, endpoints, operations, snapshots and
 * a year of hourly consumption. Nothing of it is due, so a control that runs on it has nothing to do.
 *
 * The same number of projects gives the same rows, but for times, which are relative to now.
 */
export async function seedFleet(
  url: string,
  { projects, isChecked = true }: FleetOptions,
): Promise<Fleet> {
  const managerKey = `fleet-manager-${projects}`;
  const guestKey = `fleet-guest-${projects}`;
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`set jit = off; set synchronous_commit = off; set work_mem = '64MB'`);
    await client.query('begin');
    if (!isChecked) await client.query('set local session_replication_role = replica');
    const keys = { manager: hash(managerKey), guest: hash(guestKey) };
    for (const statement of [
      ...accountStatements(projects, keys),
      ...tenantStatements(projects),
      ...activityStatements(projects),
    ]) {
      await client.query(statement);
    }
    const places = await findPlaces(client);
    await client.query('commit');
    await client.query('vacuum analyze');
    return { ...places, managerKey, guestKey, rows: await countRows(client) };
  } finally {
    await client.end();
  }
}

function hash(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

async function findPlaces(
  client: Client,
): Promise<Pick<Fleet, 'organizationId' | 'largestProjectId' | 'projectIds'>> {
  const { rows } = await client.query<{ organization: string; largest: string; some: string[] }>(`
    select (select id from fleet_organizations where o = 0) as organization,
      (select id from fleet_projects where i = 0) as largest,
      array(select id from fleet_projects where o = 0 and i > 0 and deleted_at is null
        order by hashtext(id) limit 500) as some`);
  const [row] = rows;
  if (!row) throw new Error('the fleet was not seeded');
  return {
    organizationId: row.organization,
    largestProjectId: row.largest,
    projectIds: row.some,
  };
}

async function countRows(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select sum(reltuples)::double precision as count from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  return Math.round(rows[0]?.count ?? 0);
}
