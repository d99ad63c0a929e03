import { silentLogger } from '@pgfleet/kit';
import { sql } from 'kysely';
import { allChores } from '../../chores/all-chores.ts';
import type { Tourist } from './tourist.ts';

/** Does every chore while each has something to do in a project, the last of them its purge. */
export async function doChores(tourist: Tourist, projectId: string): Promise<void> {
  await makeOld(tourist, projectId);
  await makeDue(tourist, projectId);
  await doAll(tourist);
  await tourist.settled(projectId);
  await makeDueAgain(tourist, projectId);
  await doAll(tourist);
  await missDrill(tourist, projectId);
  await tourist.settled(projectId);
  await endProject(tourist, projectId);
}

async function makeOld({ db }: Tourist, id: string): Promise<void> {
  await sql`insert into consumption (project_id, branch_id, hour)
    select project_id, id, date_trunc('hour', now() - interval '3 years') from branches
    where project_id = ${id}`.execute(db);
  await sql`update operations set finished_at = now() - interval '1 year' where id in
    (select id from operations where project_id = ${id} and finished_at is not null limit 1)
    `.execute(db);
}

async function makeDue({ db }: Tourist, id: string): Promise<void> {
  await sql`update branches set expires_at = now() where project_id = ${id}
    and not is_default`.execute(db);
  await sql`update backup_schedules set next_at = now() where branch_id in
    (select id from branches where project_id = ${id})`.execute(db);
  await sql`update drill_turns set next_at = now() where project_id = ${id}`.execute(db);
  await sql`update endpoints set last_active = now() where project_id = ${id}`.execute(db);
  await sql`update projects set exceeded_quota = 'active_time_seconds', exceeded_until = now()
    where id = ${id}`.execute(db);
}

async function makeDueAgain({ db }: Tourist, id: string): Promise<void> {
  await sql`update branches set purge_at = now() where project_id = ${id}
    and deleted_at is not null`.execute(db);
  await sql`update snapshots set expires_at = now() where project_id = ${id}
    and deleted_at is null`.execute(db);
}

async function missDrill(tourist: Tourist, id: string): Promise<void> {
  const { db, host } = tourist;
  await sql`update drill_turns set next_at = now(), drilled_at = null
    where project_id = ${id}`.execute(db);
  host.intercept = () => Promise.reject(new Error('away'));
  await doAll(tourist);
  host.intercept = () => undefined;
}

async function endProject(tourist: Tourist, id: string): Promise<void> {
  const path = `/projects/${id}`;
  await tourist.send('DELETE', path);
  await tourist.send('POST', `${path}/recover`);
  await tourist.settled(id);
  await tourist.send('DELETE', path);
  await sql`update projects set purge_at = now() where id = ${id}`.execute(tourist.db);
  await doAll(tourist);
  const { project } = await tourist.createProject();
  await tourist.send('DELETE', `/projects/${project.id}?hard_delete=true`);
}

async function doAll({ db, host, control }: Tourist): Promise<void> {
  const { worker } = control;
  if (!worker) throw new Error('the tour needs a control that works');
  const context = { db, worker, connectHost: () => host.client(), log: silentLogger() };
  for (const chore of allChores(context, { drills: true })) {
    await chore.run(new AbortController().signal);
  }
}
