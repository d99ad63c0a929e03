import { randomUUID } from 'node:crypto';
import type { CreatedProject, HostReport } from '@pgfleet/contract';
import { silentLogger } from '@pgfleet/kit';
import { sql } from 'kysely';
import { bootstrap } from '../../bootstrap.ts';
import { renewLeases } from '../../store/operation-queue.ts';
import { FakeHost } from '../fake-host.ts';
import type { Tourist } from './tourist.ts';

/** What nobody asks the API for: a start of control, reports of hosts, routes for proxies, metrics. */
export async function runBehind(tourist: Tourist, created: CreatedProject): Promise<void> {
  const { db } = tourist;
  await bootstrap({ db, keyFile: '/dev/null/none', log: silentLogger() });
  await report(tourist, created);
  await provideLate(tourist);
  // Workers do it to what lasts for seconds.
  const ids = created.operations.map(({ id }) => id);
  await renewLeases(db, { owner: randomUUID(), seconds: 1 }, ids);
  const { statusCode } = await tourist.control.api.inject('/metrics');
  if (statusCode !== 200) throw new Error(`metrics: ${statusCode}`);
}

async function report(tourist: Tourist, { project, endpoints }: CreatedProject): Promise<void> {
  const { db, host } = tourist;
  const endpointId = endpoints[0]!.id;
  const { id: branchId, timeline_id: timelineId } = await db
    .selectFrom('branches')
    .select(['id', 'timeline_id'])
    .where('project_id', '=', project.id)
    .where('is_default', '=', true)
    .executeTakeFirstOrThrow();
  const sizes = { headLsn: '0/1DE2850', logicalBytes: 1, dataBytes: 2, walBytes: 3 };
  const timeline = { timelineId, oldest: null, ...sizes, points: 0, lost: [] };
  // The first report says that the host was away.
  await sql`update hosts set reported_at = now() - interval '1 hour'`.execute(db);
  const status = host.status(endpointId, { activeSeconds: 5, bytesOut: 10 });
  await send(tourist, { ...host.report(status), timelines: [timeline] });
  await tourist.internal('GET', 'hosts');
  await tourist.internal('GET', `endpoints/${endpointId}/route`);
  await tourist.internal('GET', `endpoints/${branchId}/route`);
}

// A project and a snapshot of it that are there before any host of their region.
async function provideLate(tourist: Tourist): Promise<void> {
  const region_id = 'aws-eu-central-1';
  const { project, branch } = await tourist.createProject({ region_id });
  await tourist.control.call('POST', `/projects/${project.id}/branches/${branch.id}/snapshot`);
  await send(tourist, new FakeHost('host-late', region_id).report());
  await tourist.settled(project.id);
}

function send(tourist: Tourist, body: HostReport): Promise<void> {
  return tourist.internal('POST', `hosts/${body.info.hostId}/report`, body);
}
