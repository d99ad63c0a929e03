import type { CreatedProject } from '@pgfleet/contract';
import { withKey } from '../test-control.ts';
import type { Tourist } from './tourist.ts';

interface Made<Id = string> {
  readonly id: Id;
}

/** Changes who belongs to an organization, what keys there are, and whose a project is. */
export async function changeAccounts(tourist: Tourist, created: CreatedProject): Promise<void> {
  await changeMembers(tourist);
  await changeKeys(tourist, created);
  await share(tourist, created);
  await transfer(tourist);
}

async function changeMembers(tourist: Tourist): Promise<void> {
  const path = `/organizations/${tourist.fleet.organizationId}`;
  const wish = { email: 'tour@fleet.example', name: 'Tour' };
  // One who is a user already becomes a member at once.
  const account = await tourist.control.createAccount();
  for (const { email } of [wish, account]) {
    const invitations = [{ email, role: 'member' }];
    await tourist.send('POST', `${path}/invitations`, { invitations });
  }
  const { user } = await tourist.send<{ user: Made }>('POST', '/pgfleet/users', wish);
  await tourist.send('POST', '/pgfleet/organizations', { name: 'tour' });
  const { members } = await tourist.get<{ members: { member: Made & { user_id: string } }[] }>(
    `${path}/members`,
  );
  const member = members.find((each) => each.member.user_id === user.id);
  const own = `${path}/members/${member!.member.id}`;
  await tourist.get(own);
  await tourist.send('PATCH', own, { role: 'admin' });
  await tourist.send('DELETE', own);
  await tourist.send('PUT', `${path}/billing/spending_limit`, { spending_limit_cents: 100 });
}

async function changeKeys(tourist: Tourist, { project }: CreatedProject): Promise<void> {
  const path = `/organizations/${tourist.fleet.organizationId}/api_keys`;
  const ofProject = await tourist.send<Made<number>>('POST', path, {
    key_name: 'tour',
    project_id: project.id,
  });
  await tourist.send('DELETE', `${path}/${ofProject.id}`);
  const own = await tourist.send<Made<number>>('POST', '/api_keys', { key_name: 'tour' });
  await tourist.send('DELETE', `/api_keys/${own.id}`);
}

async function share(tourist: Tourist, { project }: CreatedProject): Promise<void> {
  const path = `/projects/${project.id}`;
  const { email, key } = await tourist.control.createAccount();
  const { id } = await tourist.send<Made>('POST', `${path}/permissions`, { email });
  await tourist.send('DELETE', `${path}/permissions/${id}`);
  const keySet = { jwks_url: 'https://keys.example/tour', provider_name: 'keys' };
  const { jwks } = await tourist.send<{ jwks: Made }>('POST', `${path}/jwks`, keySet);
  await tourist.send('DELETE', `${path}/jwks/${jwks.id}`);
  // Whoever may not do something is told so by other statements than whoever may.
  const { status } = await tourist.control.call('GET', path, withKey(key));
  if (status !== 404) throw new Error(`a stranger got ${status}`);
}

async function transfer(tourist: Tourist): Promise<void> {
  const account = await tourist.control.createAccount();
  const { project } = await tourist.createProject();
  const offers = `/projects/${project.id}/transfer_requests`;
  const { id } = await tourist.send<Made>('POST', offers, {});
  const payload = { org_id: account.organizationId };
  const taker = { ...withKey(account.key), payload };
  const { status } = await tourist.control.call('PUT', `${offers}/${id}`, taker);
  if (status >= 300) throw new Error(`whom a project was offered got ${status}`);
}
