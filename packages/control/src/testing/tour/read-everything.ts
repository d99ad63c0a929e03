import type { CreatedProject } from '@pgfleet/contract';
import type { Tourist } from './tourist.ts';

const DAY_MS = 86_400_000;

/** Reads every list with every filter, and one of everything that a project has. */
export async function readEverything(tourist: Tourist, created: CreatedProject): Promise<void> {
  await readProjects(tourist);
  await readAccounts(tourist);
  for (const id of [created.project.id, tourist.fleet.largestProjectId]) {
    await readLists(tourist, id);
  }
  await readObjects(tourist, created);
  await readConsumption(tourist);
}

async function readProjects(tourist: Tourist): Promise<void> {
  const { organizationId, managerKey, guestKey, largestProjectId } = tourist.fleet;
  for (const key of [undefined, managerKey]) {
    await tourist.get('/projects', key);
    await tourist.get('/projects?search=acme&limit=100', key);
    await tourist.get('/projects?search=hooli%2077', key);
    await tourist.get('/projects?search=q', key);
    await tourist.get(`/projects?cursor=${largestProjectId}&limit=10`, key);
    await tourist.get('/projects?recoverable=true', key);
  }
  await tourist.get(`/projects?org_id=${organizationId}&cursor=${largestProjectId}`);
  await tourist.get('/projects/shared', guestKey);
  await tourist.get(`/projects/shared?search=acme&cursor=${largestProjectId}`, guestKey);
}

async function readAccounts(tourist: Tourist): Promise<void> {
  const { organizationId, managerKey } = tourist.fleet;
  await tourist.get('/users/me');
  await tourist.get('/users/me/organizations', managerKey);
  await tourist.get('/api_keys', managerKey);
  const path = `/organizations/${organizationId}`;
  await tourist.get(path);
  await tourist.get(`${path}/api_keys`);
  await tourist.get(`${path}/invitations`);
  for (const sort of ['email', 'role', 'joined_at']) {
    await readPages(tourist, `${path}/members?limit=5&sort_by=${sort}`);
  }
}

async function readLists(tourist: Tourist, projectId: string): Promise<void> {
  const path = `/projects/${projectId}`;
  await tourist.get(path);
  for (const list of ['permissions', 'jwks', 'endpoints', 'snapshots', 'operations']) {
    await tourist.get(`${path}/${list}`);
  }
  await tourist.get(`${path}/operations?limit=10&cursor=${new Date().toISOString()}`);
  await tourist.get(`/pgfleet${path}/restore_drills`);
  await tourist.get(`${path}/branches/count?search=preview`);
  await tourist.get(`${path}/branches?search=main&include_deleted=true`);
  for (const sort of ['name', 'created_at', 'updated_at']) {
    await readPages(tourist, `${path}/branches?limit=1&sort_by=${sort}`);
  }
}

async function readPages(tourist: Tourist, path: string): Promise<void> {
  const { pagination } = await tourist.get<{ pagination: { next: string } }>(path);
  await tourist.get(`${path}&cursor=${encodeURIComponent(pagination.next)}`);
}

async function readObjects(tourist: Tourist, created: CreatedProject): Promise<void> {
  const { project, branch, endpoints, operations } = created;
  const path = `/projects/${project.id}`;
  const own = `${path}/branches/${branch.id}`;
  await tourist.get(own);
  await tourist.get(`${own}/roles`);
  await tourist.get(`${own}/roles/neondb_owner`);
  await tourist.get(`${own}/roles/neondb_owner/reveal_password`);
  await tourist.get(`${own}/databases`);
  await tourist.get(`${own}/databases/neondb`);
  await tourist.get(`${own}/endpoints`);
  await tourist.get(`${own}/backup_schedule`);
  await tourist.get(`${own}/schema?db_name=neondb`);
  await tourist.get(`${path}/endpoints/${endpoints[0]!.id}`);
  await tourist.get(`${path}/operations/${operations[0]!.id}`);
  await tourist.get(`${path}/connection_uri?role_name=neondb_owner&database_name=neondb`);
  await tourist.get(`${path}/available_preload_libraries`);
  await tourist.get(`${path}/advisors`);
}

async function readConsumption(tourist: Tourist): Promise<void> {
  const { organizationId, managerKey, largestProjectId: largest } = tourist.fleet;
  for (const [granularity, days] of Object.entries({ hourly: 6, daily: 50, monthly: 300 })) {
    const from = new Date(Date.now() - days * DAY_MS).toISOString();
    const range = `from=${from}&to=${new Date().toISOString()}&granularity=${granularity}`;
    const metered = `${range}&org_id=${organizationId}&metrics=compute_unit_seconds`;
    const path = '/consumption_history';
    await tourist.get(`${path}/projects?${range}&limit=10`, managerKey);
    await tourist.get(`${path}/projects?${range}&cursor=${largest}&org_id=${organizationId}`);
    await tourist.get(`${path}/projects?${range}&project_ids=${largest}`, managerKey);
    await tourist.get(`${path}/v2/projects?${metered}&limit=100`);
    await tourist.get(`${path}/v2/projects?${metered}&cursor=${largest}`);
    await tourist.get(`${path}/v2/branches?${metered}&project_ids=${largest}&limit=1000`);
  }
}
