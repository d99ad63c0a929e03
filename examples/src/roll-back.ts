/*
 * One tenant goes back in time, and no other tenant notices.
 *
 *   node examples/dist/roll-back.js <tenant> [<seconds ago>]
 *
 * What the tenant had until now is kept as a branch. All others are used meanwhile, and the program
 * says what happened to them.
 */
import { raw } from '@neon/sdk';
import { allTenants, findTenant, openCatalogue } from './catalogue.ts';
import { connectToApi, connectToDatabase } from './neon.ts';
import { QueryLoop, report } from './query-loop.ts';

const [name, seconds = '60'] = process.argv.slice(2);
if (!name || !(Number(seconds) > 0)) throw new Error('who goes back, and by how many seconds?');

const neon = connectToApi();
await using catalogue = await openCatalogue(neon);
const tenant = await findTenant(catalogue, name);
const others = (await allTenants(catalogue)).filter((other) => other.name !== name);
const neighbours = await Promise.all(
  others.map(async (other) => ({ name: other.name, work: await QueryLoop.open(other.uri) })),
);

const then = await timeInDatabase(tenant.uri, Number(seconds));
const branch = await neon.branches.getDefault({ projectId: tenant.project_id });
const keptAs = `before-going-back-to-${then}`;
const { data, error } = await raw.restoreProjectBranch({
  client: neon.client,
  path: { project_id: tenant.project_id, branch_id: branch.id },
  body: { source_branch_id: branch.id, source_timestamp: then, preserve_under_name: keptAs },
});
if (!data) throw new Error(error?.message ?? 'the API cannot be reached');
await neon.operations.waitFor({ operations: data.operations });
const now = await timeInDatabase(tenant.uri, 0);

console.log(`${name} is as it was at ${then}; at ${now} its URI was served again`);
console.log(`what it had until then is the branch ${keptAs}`);
for (const neighbour of neighbours) report(neighbour.name, await neighbour.work.close());

/** What the clock of the database said some seconds ago. */
async function timeInDatabase(uri: string, secondsAgo: number): Promise<string> {
  await using database = await connectToDatabase(uri);
  const { rows } = await database.query<{ time: Date }>(
    'SELECT clock_timestamp() - make_interval(secs => $1) AS time',
    [secondsAgo],
  );
  return rows[0]!.time.toISOString();
}
