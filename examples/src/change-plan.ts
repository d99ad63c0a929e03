/*
 * An upgrade, or the way back, while the tenant goes on working.
 *
 *   node examples/dist/change-plan.js <tenant> <plan>
 *
 * An open connection is used all the time, and the program says what happened on it.
 */
import { findTenant, openCatalogue } from './catalogue.ts';
import { connectToApi } from './neon.ts';
import { computeSettings, planName, plans, projectSettings } from './plans.ts';
import { QueryLoop, report } from './query-loop.ts';

const [name, wanted] = process.argv.slice(2);
if (!name || !wanted) throw new Error('who changes the plan, and to which?');
const plan = planName(wanted);

const neon = connectToApi();
await using catalogue = await openCatalogue(neon);
const tenant = await findTenant(catalogue, name);
const projectId = tenant.project_id;

const work = await QueryLoop.open(tenant.uri);
await neon.projects.update(
  { projectId, ...projectSettings(plans[plan]) },
  { waitForReadiness: true },
);
for (const { id: endpointId } of await neon.postgres.endpoints.list({ projectId })) {
  await neon.postgres.endpoints.update(
    { projectId, endpointId, ...computeSettings(plans[plan]) },
    { waitForReadiness: true },
  );
}
await catalogue.query('UPDATE tenants SET plan = $2 WHERE name = $1', [name, plan]);
report(name, await work.close());

const { minCu, maxCu } = plans[plan];
console.log(`${name} went from ${tenant.plan} to ${plan}: ${minCu} to ${maxCu} CU`);
