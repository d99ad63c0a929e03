import type { Client } from 'pg';
import { connectToDatabase } from './neon.ts';
import type { Neon } from './neon.ts';
import type { PlanName } from './plans.ts';

/** A customer of this SaaS, who has a project of the API, and so a Postgres, alone. */
export interface Tenant {
  readonly name: string;
  readonly region: string;
  readonly plan: PlanName;
  readonly project_id: string;
  readonly uri: string;
}

/** Who the tenants are: a database like theirs. */
export type Catalogue = Client & AsyncDisposable;

/** Opens the catalogue, and makes its project the first time. */
export async function openCatalogue(neon: Neon): Promise<Catalogue> {
  const project =
    (await findProject(neon, 'catalogue')) ?? (await neon.projects.create({ name: 'catalogue' }));
  const catalogue = await connectToDatabase(await databaseUri(neon, project.id));
  await catalogue.query(`
    CREATE TABLE IF NOT EXISTS tenants (
      name text PRIMARY KEY,
      region text NOT NULL,
      plan text NOT NULL,
      project_id text NOT NULL UNIQUE,
      uri text NOT NULL
    )`);
  return catalogue;
}

/** Returns a tenant; throws when there is none of this name. */
export async function findTenant(catalogue: Catalogue, name: string): Promise<Tenant> {
  const tenant = (await allTenants(catalogue)).find((each) => each.name === name);
  if (!tenant) throw new Error(`there is no tenant ${name}`);
  return tenant;
}

export async function allTenants(catalogue: Catalogue): Promise<readonly Tenant[]> {
  const { rows } = await catalogue.query<Tenant>('SELECT * FROM tenants ORDER BY name');
  return rows;
}

export async function findProject(neon: Neon, name: string) {
  const found = await neon.projects.list({ search: name }).all();
  return found.find((project) => project.name === name);
}

/** The address of a project's database, password included. */
export async function databaseUri(neon: Neon, projectId: string): Promise<string> {
  return await neon.postgres.connectionString({ projectId, pooled: false });
}
