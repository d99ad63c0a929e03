import type { CreatedProject } from '@pgfleet/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl, withKey } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

interface Asked {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly key?: string;
}

/** Every list that has pages, by the route of it, asked for by somebody who finds something there. */
async function pagedLists(control: TestControl): Promise<Record<string, Asked>> {
  const { project } = await control.createProject();
  const organizationId = await control.organizationId();
  const { key, email } = await control.createAccount();
  await share(control, project, email);
  const range = {
    from: new Date(Date.now() - 7_200_000).toISOString(),
    to: new Date().toISOString(),
    granularity: 'hourly',
  };
  const metered = { ...range, org_id: organizationId, metrics: 'compute_unit_seconds' };
  const history = '/consumption_history';
  return {
    '/projects': { path: '/projects' },
    '/projects/shared': { path: '/projects/shared', key },
    '/projects/:project_id/branches': { path: `/projects/${project.id}/branches` },
    '/projects/:project_id/operations': { path: `/projects/${project.id}/operations` },
    '/organizations/:org_id/members': { path: `/organizations/${organizationId}/members` },
    [`${history}/projects`]: { path: `${history}/projects`, query: range },
    [`${history}/v2/projects`]: { path: `${history}/v2/projects`, query: metered },
    [`${history}/v2/branches`]: {
      path: `${history}/v2/branches`,
      query: { ...metered, project_ids: project.id },
    },
  };
}

function share(control: TestControl, { id }: CreatedProject['project'], email: string) {
  return control.call('POST', `/projects/${id}/permissions`, { payload: { email } });
}

function pagedRoutes({ routes }: TestControl): string[] {
  const paged = routes.filter(({ method, schema }) => {
    const { properties } = (schema?.querystring ?? {}) as { readonly properties?: object };
    return method === 'GET' && 'cursor' in (properties ?? {});
  });
  return paged.map(({ url }) => url.replace('/api/v2', ''));
}

/** How many items the answer has, with a query beside the one that the list needs. */
async function count(control: TestControl, { path, query, key }: Asked, more: object = {}) {
  const text = new URLSearchParams({ ...query, ...more }).toString();
  const { status, body } = await control.call<Record<string, readonly unknown[]>>(
    'GET',
    `${path}?${text}`,
    key === undefined ? {} : withKey(key),
  );
  return { path, status, items: Object.values(body)[0]!.length };
}

test('an empty cursor means the first page of every list', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const lists = await pagedLists(control);
  expect(Object.keys(lists).toSorted()).toEqual(pagedRoutes(control).toSorted());
  for (const list of Object.values(lists)) {
    const whole = await count(control, list);
    expect(whole.items).toBeGreaterThan(0);
    expect(await count(control, list, { cursor: '' })).toEqual({ ...whole, status: 200 });
  }
});
