import type {
  CreatedBranch,
  CreatedProject,
  CreatedSnapshot,
  RestoredSnapshot,
} from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import type { Tourist } from './tourist.ts';

/** Changes everything in a project that can be changed, but for the project's end. */
export async function changeProject(tourist: Tourist, created: CreatedProject): Promise<void> {
  await changeSettings(tourist, created);
  await changeContent(tourist, created);
  await changeBranches(tourist, created);
  await anonymize(tourist, created);
  await restore(tourist, created);
  await changeEndpoints(tourist, created);
}

async function changeSettings(tourist: Tourist, { project }: CreatedProject): Promise<void> {
  const path = `/projects/${project.id}`;
  for (const change of [
    { settings: { allowed_ips: { ips: ['10.0.0.1'] } } },
    { settings: { quota: { active_time_seconds: 1_000_000 } } },
    { settings: { preload_libraries: { enabled_libraries: ['auto_explain'] } } },
    { history_retention_seconds: 3600 },
  ]) {
    await tourist.send('PATCH', path, { project: change });
    await tourist.repeat('PATCH', path, { project: change });
    await tourist.settled(project.id);
  }
}

async function changeContent(tourist: Tourist, created: CreatedProject): Promise<void> {
  const { project, branch } = created;
  const own = `/projects/${project.id}/branches/${branch.id}`;
  await tourist.send('POST', `${own}/roles`, { role: { name: 'tour' } });
  await tourist.send('POST', `${own}/roles/tour/reset_password`);
  const database = { name: 'tour', owner_name: 'tour' };
  await tourist.send('POST', `${own}/databases`, { database });
  await tourist.send('PATCH', `${own}/databases/tour`, { database: { name: 'toured' } });
  await tourist.send('DELETE', `${own}/databases/toured`);
  await tourist.send('DELETE', `${own}/roles/tour`);
  await tourist.settled(project.id);
}

async function changeBranches(tourist: Tourist, created: CreatedProject): Promise<void> {
  const { project, branch } = created;
  const path = `/projects/${project.id}`;
  const { branch: child } = await tourist.send<CreatedBranch>('POST', `${path}/branches`, {
    branch: { name: 'child' },
    endpoints: [{ type: 'read_write' }],
  });
  await tourist.settled(project.id);
  const own = `${path}/branches/${child.id}`;
  await tourist.send('PATCH', own, { branch: { name: 'renamed' } });
  await failingRestore(tourist, { project, own, source: branch.id });
  await tourist.send('POST', `${own}/restore`, { source_branch_id: branch.id });
  await tourist.settled(project.id);
  await tourist.send('DELETE', own);
  await tourist.settled(project.id);
  await tourist.send('POST', `${own}/recover`);
  await tourist.settled(project.id);
  await tourist.send('POST', `${own}/set_as_default`);
  await tourist.send('POST', `${path}/branches/${branch.id}/set_as_default`);
  await tourist.send('DELETE', own);
  await tourist.send('DELETE', `${own}?hard_delete=true`);
  await tourist.settled(project.id);
}

// One that cannot be done is taken back.
async function failingRestore(
  tourist: Tourist,
  { project, own, source }: Pick<CreatedProject, 'project'> & Record<'own' | 'source', string>,
): Promise<void> {
  await failing(tourist, 'putTimeline', async () => {
    const wish = { source_branch_id: source, preserve_under_name: 'kept' };
    await tourist.send('POST', `${own}/restore`, wish);
    await tourist.settled(project.id);
  });
}

async function anonymize(tourist: Tourist, { project }: CreatedProject): Promise<void> {
  const path = `/projects/${project.id}`;
  const rule = {
    database_name: 'neondb',
    schema_name: 'public',
    table_name: 'users',
    column_name: 'email',
    masking_value: 'none',
  };
  const { branch } = await tourist.send<CreatedBranch>('POST', `${path}/branch_anonymized`, {
    masking_rules: [rule],
  });
  await tourist.settled(project.id);
  const own = `${path}/branches/${branch.id}`;
  await tourist.send('PATCH', `${own}/masking_rules`, { masking_rules: [rule] });
  await tourist.get(`${own}/anonymized_status`);
  await failing(tourist, 'putTimeline', async () => {
    await tourist.send('POST', `${own}/anonymize`);
    await tourist.settled(project.id);
  });
  await tourist.send('POST', `${own}/anonymize`);
  await tourist.settled(project.id);
  await tourist.send('POST', `${path}/branches`, { branch: { parent_id: branch.id } });
  await tourist.settled(project.id);
}

async function restore(tourist: Tourist, { project, branch }: CreatedProject): Promise<void> {
  const path = `/projects/${project.id}`;
  const main = `${path}/branches/${branch.id}`;
  await tourist.send('PUT', `${main}/backup_schedule`, {
    schedule: [{ frequency: 'daily', hour: 3 }],
  });
  const { snapshot } = await tourist.send<CreatedSnapshot>('POST', `${main}/snapshot?name=tour`);
  await tourist.settled(project.id);
  const one = `${path}/snapshots/${snapshot.id}`;
  await tourist.send('PATCH', one, { snapshot: { name: 'renamed' } });
  const { branch: restored } = await tourist.send<RestoredSnapshot>('POST', `${one}/restore`, {
    target_branch_id: branch.id,
    finalize_restore: false,
  });
  await tourist.settled(project.id);
  await tourist.send('POST', `${path}/branches/${restored.id}/finalize_restore`, {});
  await tourist.settled(project.id);
  await tourist.send('DELETE', one);
  await tourist.settled(project.id);
  await tourist.send('POST', `${main}/restore`, {
    source_branch_id: branch.id,
    source_lsn: '0/1C00028',
    preserve_under_name: 'before',
  });
  await tourist.settled(project.id);
  await tourist.send('POST', `/pgfleet${path}/branches/${restored.id}/verify`, {});
}

async function changeEndpoints(tourist: Tourist, created: CreatedProject): Promise<void> {
  const { project, endpoints } = created;
  const path = `/projects/${project.id}/endpoints`;
  const own = `${path}/${endpoints[0]!.id}`;
  await tourist.send('PATCH', own, { endpoint: { suspend_timeout_seconds: 300 } });
  await awayOnce(tourist, 'suspend', async () => {
    await tourist.send('POST', `${own}/suspend`);
    await tourist.settled(project.id);
  });
  await failing(tourist, 'start', async () => {
    await tourist.send('POST', `${own}/start`);
    await tourist.settled(project.id);
  });
  const { endpoint } = await tourist.send<{ endpoint: { branch_id: string } }>('DELETE', own);
  await tourist.settled(project.id);
  const { branch_id } = endpoint;
  await tourist.send('POST', path, { endpoint: { branch_id, type: 'read_write' } });
  await tourist.settled(project.id);
}

// What could not be done is put off.
async function awayOnce({ host }: Tourist, call: string, work: () => Promise<void>): Promise<void> {
  host.intercept = (made) => {
    if (!made.startsWith(call)) return;
    host.intercept = () => undefined;
    throw new Error('away');
  };
  await work();
}

// With an error that no repetition helps against.
async function failing({ host }: Tourist, call: string, work: () => Promise<void>): Promise<void> {
  host.intercept = (made) => {
    if (made.startsWith(call)) throw new PgfleetError('history_damaged');
  };
  await work();
  host.intercept = () => undefined;
}
