import type {
  Branch,
  BranchConsumptionList,
  Project,
  ProjectConsumptionList,
  ProjectListItem,
} from '@pgfleet/contract';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl, withKey } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const HOUR_MS = 3_600_000;

function ago(hours: number): string {
  return new Date(Date.now() - hours * HOUR_MS).toISOString();
}

function query(more: Readonly<Record<string, string>>): string {
  const range = { from: ago(3), to: ago(0), granularity: 'hourly' };
  return `?${new URLSearchParams({ ...range, ...more }).toString()}`;
}

/** Lets a project use its endpoint, and moves what was metered into the past. */
async function use(
  control: TestControl,
  endpointId: string,
  used: {
    readonly seconds: number;
    readonly bytes: number;
    readonly written: number;
    readonly hoursAgo: number;
  },
) {
  await sql`update endpoints set active_seconds = active_seconds + ${used.seconds},
    bytes_out = bytes_out + ${used.bytes},
    written_bytes = written_bytes + ${used.written} where id = ${endpointId}`.execute(control.db);
  await sql`update consumption set hour = hour - make_interval(hours => ${used.hoursAgo})
    where hour = date_trunc('hour', now(), 'UTC')`.execute(control.db);
}

test('projects and branches show what they used this month, by the size of their computes', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project, branch, endpoints } = await control.createProject({
    default_endpoint_settings: { autoscaling_limit_min_cu: 1, autoscaling_limit_max_cu: 2 },
  });
  const used = { seconds: 10, bytes: 100, written: 7000, hoursAgo: 0 };
  const shown = async () => {
    const path = `/projects/${project.id}`;
    const one = await control.call<{ project: Project }>('GET', path);
    const list = await control.call<{ projects: ProjectListItem[] }>('GET', '/projects');
    const its = await control.call<{ branch: Branch }>('GET', `${path}/branches/${branch.id}`);
    expect(one.body.project).toMatchObject(usageIn(its.body.branch));
    expect(list.body.projects[0]).toMatchObject({
      active_time: its.body.branch.active_time_seconds,
      cpu_used_sec: its.body.branch.cpu_used_sec,
    });
    return usageIn(its.body.branch);
  };

  await use(control, endpoints[0]!.id, used);
  await use(control, endpoints[0]!.id, used);
  expect(await shown()).toEqual({
    active_time_seconds: 20,
    compute_time_seconds: 40,
    cpu_used_sec: 40,
    data_transfer_bytes: 200,
    written_data_bytes: 14_000,
  });

  await sql`update monthly_usage set month = month - interval '1 month'`.execute(control.db);
  expect(Object.values(await shown())).toEqual([0, 0, 0, 0, 0]);
  await use(control, endpoints[0]!.id, used);
  expect(Object.values(await shown())).toEqual([10, 20, 20, 100, 7000]);
});

function usageIn(shown: Branch) {
  return {
    active_time_seconds: shown.active_time_seconds,
    compute_time_seconds: shown.compute_time_seconds,
    cpu_used_sec: shown.cpu_used_sec,
    data_transfer_bytes: shown.data_transfer_bytes,
    written_data_bytes: shown.written_data_bytes,
  };
}

test('what an endpoint used is summed up by the hour, the day and the month', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project, endpoints } = await control.createProject({
    default_endpoint_settings: { autoscaling_limit_min_cu: 1, autoscaling_limit_max_cu: 2 },
  });
  const endpointId = endpoints[0]!.id;
  await use(control, endpointId, { seconds: 10, bytes: 100, written: 7000, hoursAgo: 2 });
  await use(control, endpointId, { seconds: 5, bytes: 0, written: 0, hoursAgo: 0 });
  await use(control, endpointId, { seconds: 5, bytes: 50, written: 400, hoursAgo: 0 });
  const hourly = await control.call<ProjectConsumptionList>(
    'GET',
    `/consumption_history/projects${query({})}`,
  );
  expect(hourly.status).toBe(200);
  expect(hourly.body.pagination).toEqual({ cursor: project.id });
  const [only] = hourly.body.projects;
  expect(only!.project_id).toBe(project.id);
  const frames = only!.periods.flatMap(({ consumption }) => consumption);
  expect(frames.map((frame) => frame['active_time_seconds'])).toEqual([10, 10]);
  expect(frames.map((frame) => frame['compute_time_seconds'])).toEqual([20, 20]);
  expect(frames.map((frame) => frame['written_data_bytes'])).toEqual([7000, 400]);
  expect(frames[0]!.timeframe_start < frames[1]!.timeframe_start).toBe(true);

  const organizationId = await control.organizationId();
  for (const granularity of ['daily', 'monthly']) {
    const more = { org_id: organizationId, granularity, from: ago(48), to: ago(0) };
    const { body } = await control.call<ProjectConsumptionList>(
      'GET',
      `/consumption_history/v2/projects${query({
        ...more,
        metrics: 'compute_unit_seconds,public_network_transfer_bytes',
      })}`,
    );
    const values = body.projects[0]!.periods.flatMap((period) => period.consumption);
    const sum = (name: string) =>
      values
        .flatMap(({ metrics = [] }) => metrics)
        .filter((metric) => metric.metric_name === name)
        .reduce((total, { value }) => total + value, 0);
    expect(sum('compute_unit_seconds')).toBe(40);
    expect(sum('public_network_transfer_bytes')).toBe(150);
  }
});

test('a size holds from when it was measured on', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project, branch } = await control.createProject();
  await sql`update timelines set logical_bytes = 1000, data_bytes = 1500, wal_bytes = 500
    where project_id = ${project.id}`.execute(control.db);
  await sql`update consumption set hour = hour - interval '5 hours'`.execute(control.db);
  const { body } = await control.call<ProjectConsumptionList>(
    'GET',
    `/consumption_history/projects${query({
      metrics: 'logical_size_bytes,data_storage_bytes_hour',
      to: ago(1),
    })}`,
  );
  const frames = body.projects[0]!.periods.flatMap(({ consumption }) => consumption);
  expect(frames).toHaveLength(2);
  expect(frames[0]).toMatchObject({
    synthetic_storage_size_bytes: 2000,
    logical_size_bytes: 1000,
    data_storage_bytes_hour: 2000,
  });
  const branches = await control.call<BranchConsumptionList>(
    'GET',
    `/consumption_history/v2/branches${query({
      org_id: await control.organizationId(),
      project_ids: project.id,
      metrics: 'root_branch_bytes_month,child_branch_bytes_month',
      from: ago(5),
      to: ago(4),
    })}`,
  );
  const [only] = branches.body.branches;
  expect(only).toMatchObject({ project_id: project.id, branch_id: branch.id });
  const [first] = only!.periods[0]!.consumption;
  expect(first!.metrics!.map(({ metric_name: name }) => name)).toEqual([
    'root_branch_bytes_month',
    'child_branch_bytes_month',
  ]);
  // An hour of a month that has 672 to 744 of them.
  expect(first!.metrics![0]!.value).toBe(1);
});

test('pages of projects and branches follow each other', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const organizationId = await control.organizationId();
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.push((await control.createProject()).project.id);
  const walk = async (path: string, more: Readonly<Record<string, string>>) => {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (;;) {
      const { body } = await control.call<ProjectConsumptionList & BranchConsumptionList>(
        'GET',
        `/consumption_history${path}${query({ limit: '2', ...more, ...(cursor && { cursor }) })}`,
      );
      if (!body.pagination) return seen;
      seen.push(...(body.projects ?? body.branches).map((item) => item.project_id));
      cursor = body.pagination.cursor;
    }
  };
  expect(await walk('/projects', {})).toEqual(ids.toSorted());
  const v2 = { org_id: organizationId, metrics: 'compute_unit_seconds' };
  expect(await walk('/v2/projects', v2)).toEqual(ids.toReversed());
  const lists = { ...v2, project_ids: ids.join(',') };
  expect(await walk('/v2/branches', lists)).toEqual(ids.toSorted());
  expect(await walk('/v2/projects', { ...v2, project_ids: `${ids[0]},${ids[2]}` })).toEqual([
    ids[2],
    ids[0],
  ]);
  const repeated = await control.call<ProjectConsumptionList>(
    'GET',
    `/consumption_history/projects${query({})}&project_ids=${ids[0]}&project_ids=${ids[1]}`,
  );
  expect(repeated.body.projects).toHaveLength(2);
});

test('a range must fit its granularity', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  for (const [range, expected] of [
    [{ from: ago(200) }, 406],
    [{ from: ago(24 * 61), granularity: 'daily' }, 406],
    [{ from: ago(24 * 400), granularity: 'monthly' }, 406],
    [{ from: ago(1), to: ago(2) }, 406],
    [{ from: 'yesterday' }, 400],
    [{ from: '2024-06-30T23:59:60Z' }, 400],
    [{ granularity: 'weekly' }, 400],
    [{ metrics: 'nonsense' }, 400],
    [{ limit: '101' }, 400],
  ] as const) {
    const path = `/consumption_history/projects${query(range)}`;
    expect([path, (await control.call('GET', path)).status]).toEqual([path, expected]);
  }
  const org_id = await control.organizationId();
  const unnamed = query({ org_id, project_ids: 'a' });
  expect((await control.call('GET', `/consumption_history/v2/projects${unnamed}`)).status).toBe(
    400,
  );
  const extra = query({ org_id, project_ids: 'a', metrics: 'extra_branches_month' });
  expect((await control.call('GET', `/consumption_history/v2/branches${extra}`)).status).toBe(400);
});

test('consumption of another organization is not there', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const { project } = await control.createProject();
  const stranger = await control.createAccount();
  const key = withKey(stranger.key);
  const own = query({ project_ids: project.id });
  const { body } = await control.call('GET', `/consumption_history/projects${own}`, key);
  expect(body).toEqual({ projects: [] });
  const theirs = query({
    org_id: await control.organizationId(),
    project_ids: project.id,
    metrics: 'compute_unit_seconds',
  });
  for (const path of ['/v2/projects', '/v2/branches']) {
    const refused = await control.call('GET', `/consumption_history${path}${theirs}`, key);
    expect(refused.status).toBe(404);
  }
});
