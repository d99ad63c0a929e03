import type { Branch, BranchList, CreatedBranch } from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';
import { expireBranches, purgeBranches } from './expire-branches.ts';

let postgres: TestPostgres;
let control: TestControl;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres);
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const past = new Date(Date.now() - 60_000);

async function createExpired() {
  const { project } = await control.createProject();
  await control.settled(project.id);
  const path = `/projects/${project.id}/branches`;
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  const { body } = await control.call<CreatedBranch>('POST', path, {
    payload: { branch: { expires_at }, endpoints: [{ type: 'read_write' }] },
  });
  await control.settled(project.id);
  const set = (change: Partial<Record<'expires_at' | 'purge_at', Date>>) =>
    control.db.updateTable('branches').set(change).where('id', '=', body.branch.id).execute();
  await set({ expires_at: past });
  return { project, path, branch: body.branch, endpoint: body.endpoints[0]!, set };
}

// As several replicas of control do.
async function sweep(chore: typeof expireBranches): Promise<void> {
  const context = { db: control.db, worker: control.worker! };
  await Promise.all([chore(context), chore(context), chore(context)]);
}

function hasTimeline({ id }: Branch): boolean {
  return [...control.host.timelines.values()].some((spec) => spec.branchId === id);
}

test('a branch whose time is over is deleted once, and says that nobody asked', async () => {
  const { project, path, branch, endpoint } = await createExpired();
  await sweep(expireBranches);
  const operations = await control.settled(project.id);
  expect(operations.filter(({ action }) => action === 'suspend_compute')).toHaveLength(1);
  expect(control.host.endpoints.has(endpoint.id)).toBe(false);
  expect((await control.call('GET', `${path}/${branch.id}`)).status).toBe(404);
  const all = await control.call<BranchList>('GET', `${path}?include_deleted=true`);
  const shown = all.body.branches.find(({ id }) => id === branch.id);
  expect(shown!.recovery!.deletion_method).toBe('ttl');
  expect(hasTimeline(branch)).toBe(true);
});

test('the data of a deleted branch goes when it can be recovered no longer', async () => {
  const { project, path, branch, set } = await createExpired();
  await control.call('DELETE', `${path}/${branch.id}`);
  await sweep(purgeBranches);
  await control.settled(project.id);
  expect(hasTimeline(branch)).toBe(true);
  await set({ purge_at: past });
  expect((await control.call('POST', `${path}/${branch.id}/recover`)).status).toBe(404);
  await sweep(purgeBranches);
  const operations = await control.settled(project.id);
  expect(operations.filter(({ action }) => action === 'delete_timeline')).toHaveLength(1);
  expect(hasTimeline(branch)).toBe(false);
  const all = await control.call<BranchList>('GET', `${path}?include_deleted=true`);
  expect(all.body.branches).toHaveLength(1);
});

test('a branch that was given more time meanwhile stays', async () => {
  const { path, branch } = await createExpired();
  await control.call('PATCH', `${path}/${branch.id}`, {
    payload: { branch: { expires_at: null } },
  });
  await sweep(expireBranches);
  expect((await control.call('GET', `${path}/${branch.id}`)).status).toBe(200);
});
