import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Branch, Endpoint, Project } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import { connectClient, startPlatform } from '@pgfleet/testkit';
import type { Platform } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { watchedApi } from './watch-answers.ts';

const run = promisify(execFile);
const programs = join(import.meta.dirname, '../../examples/dist');

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ env: { PGFLEET_REGIONS: 'aws-us-east-2,aws-eu-central-1' } });
});
afterAll(async () => await platform[Symbol.asyncDispose]());

/** Runs a program of `examples/` as a reader would; rejects when it fails. */
async function example(name: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(programs, `${name}.js`), ...args], {
    timeout: 120_000,
    env: {
      PATH: process.env['PATH'],
      NEON_API_HOST: watchedApi(platform),
      NEON_API_KEY: platform.adminKey,
    },
  });
  return stdout.trim();
}

interface TenantRow {
  readonly name: string;
  readonly region: string;
  readonly plan: string;
  readonly project_id: string;
  readonly uri: string;
}

async function catalogueRows(): Promise<readonly TenantRow[]> {
  const { body } = await platform.api<{ projects: Project[] }>('GET', '/projects?search=catalogue');
  const { body: revealed } = await platform.api<{ uri: string }>(
    'GET',
    `/projects/${body.projects[0]!.id}/connection_uri?database_name=neondb&role_name=neondb_owner`,
  );
  await using catalogue = await connectClient(revealed.uri);
  const { rows } = await catalogue.query<TenantRow>('select * from tenants order by name');
  return rows;
}

/** Signs a tenant up and returns the row that the catalogue has of it. */
async function signUp(name: string, region = 'aws-us-east-2'): Promise<TenantRow> {
  await example('sign-up', name, region);
  return (await catalogueRows()).find((row) => row.name === name)!;
}

async function projectOf({ project_id: id }: TenantRow): Promise<Project> {
  return (await platform.api<{ project: Project }>('GET', `/projects/${id}`)).body.project;
}

test('a sign-up makes a project in the region of the tenant and stores its URI', async () => {
  const here = await signUp('acme');
  const there = await signUp('globex', 'aws-eu-central-1');
  expect([here, there]).toMatchObject([
    { region: 'aws-us-east-2', plan: 'free' },
    { region: 'aws-eu-central-1', plan: 'free' },
  ]);
  for (const tenant of [here, there]) {
    expect((await projectOf(tenant)).region_id).toBe(tenant.region);
    await using client = await connectClient(tenant.uri);
    await client.query('create table mine as select 1 as one');
  }
});

test('a sign-up that is done again changes nothing, and completes one that was interrupted', async () => {
  const first = await signUp('initech');
  expect(await signUp('initech')).toEqual(first);
  const made = await platform.createProject({ name: 'tenant-hooli' });
  expect((await signUp('hooli')).project_id).toBe(made.project.id);
});

test('an upgrade gives more to a tenant whose open connection goes on', async () => {
  const tenant = await signUp('umbrella');
  for (const [plan, settings, seconds] of [
    ['pro', { autoscaling_limit_min_cu: 0.25, autoscaling_limit_max_cu: 2 }, 3600],
    ['enterprise', { autoscaling_limit_min_cu: 1, autoscaling_limit_max_cu: 4 }, -1],
    ['free', { autoscaling_limit_min_cu: 0.25, autoscaling_limit_max_cu: 0.25 }, 300],
  ] as const) {
    const printed = await example('change-plan', 'umbrella', plan);
    expect(printed).toMatch(/[1-9]\d* queries on one connection, .* no error, no restart$/m);
    const { body } = await platform.api<{ endpoints: Endpoint[] }>(
      'GET',
      `/projects/${tenant.project_id}/endpoints`,
    );
    expect(body.endpoints).toMatchObject([{ ...settings, suspend_timeout_seconds: seconds }]);
    expect((await projectOf(tenant)).default_endpoint_settings).toMatchObject(settings);
    expect((await catalogueRows()).find(({ name }) => name === 'umbrella')).toMatchObject({ plan });
  }
});

test('a tenant goes back in time, and its neighbours go on without an error', async () => {
  const tenant = await signUp('stark');
  await signUp('wayne');
  const ledger = new Ledger();
  const writing = ledger.writeTo(tenant.uri);
  await waitUntil(() => ledger.seconds() > 3, { what: 'three seconds', timeoutMs: 60_000 });
  const printed = await example('roll-back', 'stark', '2');
  ledger.stop();
  await writing;

  expect(printed).toMatch(/^wayne: [1-9]\d* queries on one connection, .* no error, no restart$/m);
  const then = /^stark is as it was at (\S+);/m.exec(printed)?.[1] ?? '';
  await using client = await connectClient(tenant.uri);
  const { rows } = await client.query<{ at: Date }>('select at from ledger order by at');
  expect(rows.map(({ at }) => at)).toEqual(ledger.times.slice(0, rows.length));
  // A row has the time before its commit, so the last one of them may have come too late.
  const before = ledger.times.filter((time) => time <= new Date(then)).length;
  expect([before - 1, before]).toContain(rows.length);
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.length).toBeLessThan(ledger.times.length);
  const { body } = await platform.api<{ branches: Branch[] }>(
    'GET',
    `/projects/${tenant.project_id}/branches`,
  );
  expect(body.branches.map(({ name }) => name)).toContain(`before-going-back-to-${then}`);
});

test('a program that cannot do what it is asked says so and fails', async () => {
  await expect(example('change-plan', 'umbrella', 'gold')).rejects.toThrow('no plan gold');
  await expect(example('roll-back', 'nobody', '1')).rejects.toThrow('no tenant nobody');
  await expect(example('roll-back', 'umbrella', '999999')).rejects.toThrow('history');
  await expect(example('sign-up', 'late', 'aws-mars-1')).rejects.toThrow('aws-mars-1');
  expect((await catalogueRows()).map(({ name }) => name)).not.toContain('late');
});

/** Rows of a tenant, each with the time at which it was written. */
class Ledger {
  readonly times: Date[] = [];
  #isOver = false;

  stop(): void {
    this.#isOver = true;
  }

  seconds(): number {
    const [first, last] = [this.times[0], this.times.at(-1)];
    return first && last ? (last.getTime() - first.getTime()) / 1000 : 0;
  }

  /** Writes until it is stopped, or until the connection ends because the tenant went back. */
  async writeTo(uri: string): Promise<void> {
    const client = await connectClient(uri);
    await client.query('create table ledger (at timestamptz)');
    try {
      while (!this.#isOver) {
        const { rows } = await client.query<{ at: Date }>(
          `insert into ledger select date_trunc('milliseconds', clock_timestamp())
            from pg_sleep(0.02) returning at`,
        );
        this.times.push(rows[0]!.at);
      }
    } catch (error) {
      // The second is what `pg` says of a connection that ended between two statements.
      if (!/terminat|not queryable/.test(String(error))) throw error;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
