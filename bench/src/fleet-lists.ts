import type { Fleet } from '@pgfleet/testkit';

/** A list of the API to be read again and again. */
export interface FleetList {
  readonly name: string;
  readonly path: string;
  /** Whose key reads it; the admin's when left out. */
  readonly key?: string;
}

const DAY_MS = 86_400_000;

/** Where in a fleet a list is read: some project in it. */
interface Place extends Fleet {
  readonly projectId: string;
}

/** Every list of the API with what makes it hard; each turn is about another project. */
export function fleetLists(fleet: Fleet, turn: number): FleetList[] {
  const { projectIds } = fleet;
  const place = { ...fleet, projectId: projectIds[turn % projectIds.length] ?? '' };
  return [
    ...projectLists(place),
    ...tenantLists(place),
    ...longestLists(place),
    ...consumptionLists(place),
    ...accountLists(place),
  ].map((list) => ({
    ...list,
    path: list.path === '/metrics' ? list.path : `/api/v2${list.path}`,
  }));
}

function projectLists({
  organizationId,
  projectId: cursor,
  managerKey,
  guestKey,
}: Place): FleetList[] {
  const org = `org_id=${organizationId}`;
  return [
    { name: 'projects', path: '/projects' },
    { name: 'projects of an organization, 400', path: `/projects?${org}&limit=400` },
    { name: 'projects, deep page', path: `/projects?${org}&cursor=${cursor}&limit=100` },
    { name: 'projects, common text', path: '/projects?search=acme' },
    { name: 'projects, rare text', path: '/projects?search=hooli%2077' },
    { name: 'projects, text of no project', path: '/projects?search=nowhere' },
    { name: 'projects, two letters of no project', path: '/projects?search=zq' },
    { name: 'projects, recoverable', path: '/projects?recoverable=true&limit=100' },
    { name: 'projects of 200 organizations', path: '/projects?limit=100', key: managerKey },
    {
      name: 'projects of 200 organizations, text',
      path: '/projects?search=acme',
      key: managerKey,
    },
    { name: 'shared projects', path: '/projects/shared', key: guestKey },
    { name: 'shared projects, text', path: '/projects/shared?search=acme', key: guestKey },
  ];
}

function tenantLists({ largestProjectId, projectId }: Place): FleetList[] {
  return [
    { name: '', path: `/projects/${projectId}` },
    { name: ' of the largest project', path: `/projects/${largestProjectId}` },
  ].flatMap(({ name, path }) => [
    { name: `branches${name}`, path: `${path}/branches?limit=100` },
    { name: `branches${name}, by name`, path: `${path}/branches?limit=100&sort_by=name` },
    {
      name: `branches${name}, text`,
      path: `${path}/branches?limit=100&search=7&include_deleted=true`,
    },
    { name: `count of branches${name}`, path: `${path}/branches/count` },
    { name: `endpoints${name}`, path: `${path}/endpoints` },
    { name: `operations${name}`, path: `${path}/operations?limit=100` },
    {
      name: `operations${name}, deep page`,
      path: `${path}/operations?limit=100&cursor=${new Date(Date.now() - 1_800_000).toISOString()}`,
    },
    { name: `snapshots${name}`, path: `${path}/snapshots` },
    { name: `permissions${name}`, path: `${path}/permissions` },
    { name: `restore drills${name}`, path: `/pgfleet${path}/restore_drills` },
  ]);
}

// As long as they get in one answer.
function longestLists({ organizationId, largestProjectId }: Place): FleetList[] {
  const path = `/projects/${largestProjectId}`;
  const range = new URLSearchParams({
    from: new Date(Date.now() - 6 * DAY_MS).toISOString(),
    to: new Date().toISOString(),
    granularity: 'hourly',
    org_id: organizationId,
    metrics: 'compute_unit_seconds',
  }).toString();
  const branches = '/consumption_history/v2/branches';
  return [
    { name: '1,000 branches', path: `${path}/branches?limit=1000` },
    { name: '1,000 operations', path: `${path}/operations?limit=1000` },
    {
      name: 'consumption of 1,000 branches',
      path: `${branches}?${range}&project_ids=${largestProjectId}&limit=1000`,
    },
  ];
}

function consumptionLists({ organizationId, projectId: cursor, managerKey }: Place): FleetList[] {
  const range = (granularity: string, days: number) =>
    new URLSearchParams({
      from: new Date(Date.now() - days * DAY_MS).toISOString(),
      to: new Date().toISOString(),
      granularity,
    }).toString();
  const path = '/consumption_history';
  const v2 = `org_id=${organizationId}&metrics=compute_unit_seconds`;
  const deep = `cursor=${cursor}&limit=100`;
  return [
    { name: 'consumption, hourly', path: `${path}/projects?${range('hourly', 6)}` },
    {
      name: 'consumption of 200 organizations',
      path: `${path}/projects?${range('daily', 50)}`,
      key: managerKey,
    },
    {
      name: 'consumption by project, deep page',
      path: `${path}/v2/projects?${range('daily', 50)}&${v2}&${deep}`,
    },
    {
      name: 'consumption by project, months',
      path: `${path}/v2/projects?${range('monthly', 300)}&${v2}&${deep}`,
    },
    {
      name: 'consumption by branch',
      path: `${path}/v2/branches?${range('daily', 50)}&${v2}&project_ids=${cursor}`,
    },
  ];
}

function accountLists({ organizationId, managerKey }: Place): FleetList[] {
  const path = `/organizations/${organizationId}`;
  return [
    { name: 'api keys', path: '/api_keys' },
    { name: 'api keys of an organization', path: `${path}/api_keys` },
    { name: 'members', path: `${path}/members?limit=100` },
    { name: 'members by address', path: `${path}/members?limit=100&sort_by=email` },
    { name: 'invitations', path: `${path}/invitations` },
    { name: 'own organizations', path: '/users/me/organizations', key: managerKey },
    { name: 'metrics', path: '/metrics' },
  ];
}
