import { PgfleetError } from '@pgfleet/contract';
import type {
  AnonymizedBranchStatus,
  Branch,
  CreatedBranch,
  MaskingRule,
  MaskingRules,
} from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

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

const rule = (column: string, value: Partial<MaskingRule>): MaskingRule => ({
  database_name: 'neondb',
  schema_name: 'public',
  table_name: 'users',
  column_name: column,
  ...value,
});
const email = rule('email', { masking_function: 'anon.fake_email()' });
const note = rule('note', { masking_value: 'CONFIDENTIAL' });

async function projectOf(its = control) {
  const { project, branch: main } = await its.createProject();
  await its.settled(project.id);
  const path = `/projects/${project.id}`;
  const create = (payload: object = {}) =>
    its.call<CreatedBranch>('POST', `${path}/branch_anonymized`, { payload });
  const of = ({ branch }: CreatedBranch) => {
    const at = `${path}/branches/${branch.id}`;
    return {
      at,
      status: async () =>
        (await its.call<AnonymizedBranchStatus>('GET', `${at}/anonymized_status`)).body,
      start: () => its.call<AnonymizedBranchStatus>('POST', `${at}/anonymize`),
      replace: (...rules: readonly MaskingRule[]) =>
        its.call<MaskingRules>('PATCH', `${at}/masking_rules`, {
          payload: { masking_rules: rules },
        }),
      show: async () => (await its.call<{ branch: Branch }>('GET', at)).body.branch,
    };
  };
  return { project, main, path, create, of, settled: () => its.settled(project.id) };
}

/** The timelines that a branch of these tests had, the present one last, as the host knows them. */
function putsOf({ branch }: CreatedBranch, { host } = control) {
  return host.puts.filter(({ branchId }) => branchId === branch.id);
}

test('a branch is made and masked before anybody gets in, and its clear data is deleted', async () => {
  const { create, of, settled } = await projectOf();
  const { status, body } = await create({
    masking_rules: [email, note],
    start_anonymization: true,
  });
  expect(status).toBe(201);
  expect(body.branch.restricted_actions).toEqual([
    { name: 'restore', reason: 'the branch is anonymized' },
    { name: 'delete-rw-endpoint', reason: 'the branch is anonymized' },
  ]);
  expect(body.operations.map(({ action, status: state }) => `${action} ${state}`)).toEqual([
    'create_branch running',
    'create_branch scheduling',
    'start_compute scheduling',
  ]);
  await settled();
  const [clear, masked] = putsOf(body);
  expect(masked).toMatchObject({
    source: {
      kind: 'masked',
      timelineId: clear!.timelineId,
      at: { kind: 'head' },
      rules: [email, note],
    },
    passwordsOf: clear!.timelineId,
    initial: { roles: [], databases: [] },
  });
  const [endpoint] = body.endpoints;
  const isAbout = (call: string) =>
    [clear, masked].some((put) => call.endsWith(put!.timelineId)) || call.endsWith(endpoint!.id);
  expect(control.host.calls.filter(isAbout)).toEqual([
    `putTimeline ${clear!.timelineId}`,
    `content ${clear!.timelineId}`,
    `putEndpoint ${endpoint!.id}`,
    `putEndpoint ${endpoint!.id}`,
    `suspend ${endpoint!.id}`,
    `putTimeline ${masked!.timelineId}`,
    `content ${masked!.timelineId}`,
    `putEndpoint ${endpoint!.id}`,
    `start ${endpoint!.id}`,
    `putEndpoint ${endpoint!.id}`,
    `deleteTimeline ${clear!.timelineId}`,
  ]);
  expect(control.host.endpoints.get(endpoint!.id)).not.toHaveProperty('unmasked');
  expect(control.host.endpoints.get(endpoint!.id)).toMatchObject({
    timelineId: masked!.timelineId,
  });
  const { show, status: anonymization } = of(body);
  expect(await anonymization()).toMatchObject({
    branch_id: body.branch.id,
    state: 'anonymized',
    status_message: 'masked columns: 2, in tables: 1',
    last_run: { masked_columns: 2, triggered_by_username: expect.any(String) as string },
  });
  const { parent_lsn, current_state } = await show();
  expect({ parent_lsn, current_state }).toEqual({
    parent_lsn: body.branch.parent_lsn,
    current_state: 'ready',
  });
});

test('before it is masked nothing can be made of it, and nobody gets in', async () => {
  const { create, of, settled, path, main } = await projectOf();
  const { body } = await create({ branch_create: { branch: { name: 'later' } } });
  const { at, status, start, replace } = of(body);
  await settled();
  expect(await status()).toMatchObject({ state: 'initialized' });
  expect(await status()).not.toHaveProperty('last_run');
  const [endpoint] = body.endpoints;
  expect(control.host.endpoints.get(endpoint!.id)).toMatchObject({ unmasked: true });
  expect(control.host.running.has(endpoint!.id)).toBe(false);
  const shown = await control.call<{ endpoint: { current_state: string } }>(
    'GET',
    `${path}/endpoints/${endpoint!.id}`,
  );
  expect(shown.body.endpoint.current_state).toBe('idle');
  const child = await control.call('POST', `${path}/branches`, {
    payload: { branch: { parent_id: body.branch.id } },
  });
  expect(child.status).toBe(422);
  const restored = await control.call('POST', `${path}/branches/${main.id}/restore`, {
    payload: { source_branch_id: body.branch.id, preserve_under_name: 'old' },
  });
  expect(restored.status).toBe(422);
  expect(await start()).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining('masking_rules are needed') as string },
  });

  expect(await replace(email)).toMatchObject({ status: 200, body: { masking_rules: [email] } });
  expect(await start()).toMatchObject({ status: 200, body: { state: 'anonymizing' } });
  await settled();
  expect(await status()).toMatchObject({ state: 'anonymized' });
  const later = await control.call('POST', `${path}/branches`, {
    payload: { branch: { parent_id: body.branch.id } },
  });
  expect(later.status).toBe(201);
  await settled();
  for (const [method, address] of [
    ['POST', `${at}/restore`],
    ['DELETE', `${path}/endpoints/${endpoint!.id}`],
  ] as const) {
    const answer = await control.call(method, address, {
      ...(method === 'POST' && { payload: { source_branch_id: main.id } }),
    });
    expect(answer).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('anonymized branch') as string },
    });
  }
});

test('an ordinary branch has neither rules nor a status', async () => {
  const { main, path } = await projectOf();
  const at = `${path}/branches/${main.id}`;
  for (const answer of [
    await control.call('GET', `${at}/masking_rules`),
    await control.call('PATCH', `${at}/masking_rules`, { payload: { masking_rules: [] } }),
    await control.call('GET', `${at}/anonymized_status`),
    await control.call('POST', `${at}/anonymize`),
  ]) {
    expect(answer).toMatchObject({
      status: 404,
      body: { message: 'this branch is not an anonymized branch' },
    });
  }
});

test('new rules are compared with the data that the branch has', async () => {
  const { create, of, settled } = await projectOf();
  const { body } = await create({ masking_rules: [email] });
  const { at, replace } = of(body);
  await settled();
  const message = 'the table neondb.public.users has no column note';
  control.host.intercept = (call) => {
    if (call.startsWith('checkMasking')) throw new PgfleetError('masking_refused', { message });
  };
  expect(await replace(note)).toMatchObject({ status: 422, body: { message } });
  const rules = await control.call<MaskingRules>('GET', `${at}/masking_rules`);
  expect(rules.body.masking_rules).toEqual([email]);
  control.host.intercept = () => undefined;
  expect(await replace(note)).toMatchObject({ status: 200 });
});

test.each([
  ['an unknown function', [rule('a', { masking_function: 'anon.nope()' })], 'there are anon.fake_'],
  ['other SQL', [rule('a', { masking_function: "'x'); DROP TABLE t; --" })], 'must be a call'],
  ['a query', [rule('a', { masking_function: 'anon.hash((SELECT 1))' })], 'must be a call'],
  ['no value', [rule('a', {})], 'masking_function or masking_value must be given'],
  ['two values', [rule('a', { ...email, masking_value: 'x' })], 'only one of'],
  ['a second rule for a column', [email, email], 'a rule for this column already'],
])('%s in the rules is refused', async (_what, rules, problem) => {
  const { create, of, settled } = await projectOf();
  const refused = { status: 400, body: { message: expect.stringContaining(problem) as string } };
  expect(await create({ masking_rules: rules })).toMatchObject(refused);
  const { body } = await create();
  await settled();
  expect(await of(body).replace(...rules)).toMatchObject(refused);
});

test('nothing is anonymized without a rule, or without data', async () => {
  const { create } = await projectOf();
  expect(await create({ start_anonymization: true })).toMatchObject({ status: 400 });
  const empty = { branch_create: { branch: { init_source: 'schema-only' } } };
  expect(await create({ ...empty, masking_rules: [email] })).toMatchObject({ status: 400 });
});

test('who prefers to wait for masking learns how it ended', async () => {
  const { create, of, settled } = await projectOf();
  const { body } = await create({ masking_rules: [note] });
  await settled();
  const {
    status,
    headers,
    body: after,
  } = await control.call<AnonymizedBranchStatus>('POST', `${of(body).at}/anonymize`, {
    headers: { prefer: 'wait=50' },
  });
  expect([status, headers['preference-applied']]).toEqual([200, 'wait=50']);
  expect(after.state).toBe('anonymized');
});

test('rules that cannot be followed end in an error, which other rules mend', async () => {
  const { create, of, settled } = await projectOf();
  const message = 'there is no table neondb.public.users';
  const before = control.host.puts.length;
  control.host.intercept = (call) => {
    const isMasking = call.startsWith('putTimeline') && control.host.puts.length > before;
    if (isMasking) throw new PgfleetError('masking_refused', { message });
  };
  const { body } = await create({ masking_rules: [email], start_anonymization: true });
  const { status, start, replace, show } = of(body);
  await settled();
  expect(await status()).toMatchObject({
    state: 'error',
    status_message: message,
    failed_at: expect.any(String) as string,
    last_run: { completed_at: expect.any(String) as string },
  });
  expect((await show()).current_state).toBe('ready');
  const [endpoint] = body.endpoints;
  expect(control.host.endpoints.get(endpoint!.id)).toMatchObject({ unmasked: true });
  control.host.intercept = () => undefined;
  await replace(note);
  expect((await start()).body).toMatchObject({ state: 'anonymizing' });
  await settled();
  expect(await status()).toMatchObject({ state: 'anonymized', last_run: { masked_columns: 1 } });
  expect(await status()).not.toHaveProperty('failed_at');
  expect(control.host.endpoints.get(endpoint!.id)).not.toHaveProperty('unmasked');
});

test('masking goes on where it was when control is started again', async () => {
  await using its = await TestControl.open(postgres, { works: false });
  const worker = its.openWorker();
  const { create, of, settled } = await projectOf(its);
  const isMasking = withResolvers();
  its.host.intercept = async (call, signal) => {
    if (!call.startsWith('putTimeline') || its.host.puts.length < 2) return;
    isMasking.resolve();
    await new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
    });
  };
  const { body } = await create({ masking_rules: [email], start_anonymization: true });
  await isMasking.promise;
  const { status, start, show } = of(body);
  expect(await status()).toMatchObject({ state: 'anonymizing' });
  expect(await start()).toMatchObject({ status: 409 });
  expect((await show()).current_state).toBe('resetting');
  await worker[Symbol.asyncDispose]();
  its.host.intercept = () => undefined;
  await using _next = its.openWorker();
  await settled();
  expect(await status()).toMatchObject({ state: 'anonymized', last_run: { masked_columns: 1 } });
  expect(putsOf(body, its).map(({ source }) => source.kind)).toEqual(['timeline', 'masked']);
});

function withResolvers() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}
