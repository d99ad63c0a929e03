/*
 * A sign-up: a tenant gets a database of its own, in its own region.
 *
 *   node examples/dist/sign-up.js <tenant> <region> [<plan>]
 *
 * Who signs up twice finds the project by its name. So a sign-up that was interrupted is completed
 * by doing it again, and two at once of the same tenant are one.
 */
import { databaseUri, findProject, openCatalogue } from './catalogue.ts';
import { connectToApi, connectToDatabase } from './neon.ts';
import { planName, plans, projectSettings } from './plans.ts';

const [name, region, plan = 'free'] = process.argv.slice(2);
if (!name || !region) throw new Error('who signs up, and in which region?');
const settings = projectSettings(plans[planName(plan)]);

const neon = connectToApi();
await using catalogue = await openCatalogue(neon);

await catalogue.query('BEGIN');
await catalogue.query('SELECT pg_advisory_xact_lock(hashtext($1))', [name]);
const projectName = `tenant-${name}`;
const project =
  (await findProject(neon, projectName)) ??
  (await neon.projects.create({ name: projectName, region_id: region, ...settings }));
const uri = await databaseUri(neon, project.id);
await catalogue.query(
  `INSERT INTO tenants (name, region, plan, project_id, uri) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING`,
  [name, project.region_id, plan, project.id, uri],
);
await catalogue.query('COMMIT');

await using database = await connectToDatabase(uri);
const { rows } = await database.query<{ server_version: string }>('SHOW server_version');
console.log(
  `${name} has Postgres ${rows[0]?.server_version} in ${project.region_id}: project ${project.id}`,
);
