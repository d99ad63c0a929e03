import { publishedContract } from '@pgfleet/testkit';
import type { ContractOperation } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';
import { unimplementedOperations } from './unimplemented-operations.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.open();
});
afterAll(() => postgres[Symbol.asyncDispose]());

/** What a reader has to know about an operation beyond the contract. */
const remarks: Readonly<Record<string, string>> = {
  createProject:
    'answers at once; the URI works at once too, since a connection waits until the compute runs',
  listProjects:
    'sorted by id; `search` finds parts of names and ids; `recoverable` lists the deleted ones instead',
  addProjectJWKS: 'kept and shown: nothing accepts tokens yet; the URL is not fetched',
  getAvailablePreloadLibraries: 'contrib modules, which every installation has',
  getConsumptionHistoryPerProject:
    'since the installation meters; the frame that is under way is included when `to` lies in it',
  getConsumptionHistoryPerProjectV2:
    'a compute counts with its largest size while it runs; sizes of branches are those of their whole content; extra branches, snapshots and private networks are 0',
  getConsumptionHistoryPerBranchV2: 'as of projects',
  listSharedProjects: 'those that one does not see in an organization of one’s own',
  grantPermissionToProject:
    'to the user of that address, also to one who is made later: as an editor; nothing changes where it was granted',
  createProjectTransferRequest: 'void once the project has gone to another organization',
  acceptProjectTransferRequest:
    'once; keys that were made for this project alone end; passwords of roles stay as they are, and so do those with whom the project is shared, until the new owner says otherwise',
  transferProjectsFromOrgToOrg:
    'all of them or none; by an admin there and a member here; keys that were made for one of them alone end',
  transferProjectsFromUserToOrg: 'for projects that the user made and may manage',
  updateProject:
    'settings are merged; new defaults of endpoints are for endpoints made later; [live-changes.md](live-changes.md) says what acts when',
  deleteProject:
    'the data stays for 7 days; with `hard_delete=true`, which is pgfleet’s own, it goes at once, also that of a project deleted before, and running operations are cancelled',
  recoverProject: 'by admins; computes come back idle',
  getConnectionURI: 'works as printed on the machine of the platform',
  getProjectAdvisorSecurityIssues:
    'needs no Data API; awake or asleep, nothing is woken; the worst first, a thousand at most; [from-neon.md](from-neon.md#advisors) has more',
  listProjectBranches: '`include_deleted` lists those that can be recovered too',
  createProjectBranch:
    'holds what was committed when the call came, however long its operations take; `annotation_value` is accepted and dropped',
  updateProjectBranch: 'an expiration is an RFC 3339 time within 30 days, kept in whole seconds',
  deleteProjectBranch:
    'refused for the default branch, the only root, parents and protected branches; a root among several is deleted like any other; without `hard_delete` the data stays for 7 days, with it the data goes at once, also that of a branch deleted before',
  recoverProjectBranch:
    'the endpoints come back idle; where the parent is gone the branch becomes a root',
  restoreProjectBranch:
    'a point that is not available is refused before anything is changed; with `preserve_under_name` the former state becomes the parent of the branch, whatever the source is, without it the source does and the former data goes',
  createProjectEndpoint:
    'one `read_write` endpoint for each branch, and `read_only` ones: [replicas.md](replicas.md) says what these show',
  updateProjectEndpoint:
    '`settings` are replaced one by one, each as a whole; those of Postgres that pgfleet relies on are refused, and so are values that it would not start with; [live-changes.md](live-changes.md) says what is accepted, and what acts when',
  startProjectEndpoint:
    'success when it runs already; the operation fails after five attempts, the next connection tries again; it fails as well where the compute runs without settings that Postgres did not start with',
  suspendProjectEndpoint: 'success when it sleeps already; open connections end',
  restartProjectEndpoint: 'suspends and starts; open connections end',
  createSnapshot:
    'of root branches; the point is fixed when the call answers, the data follows; `name` is the branch and the time when left out',
  restoreSnapshot:
    'to a new root without computes; with `finalize_restore` it takes the place of the target once it has its data: name, endpoints, snapshots and their schedule, being the default; a protected branch is not replaced',
  finalizeRestoreBranch:
    'the replaced branch stays without a parent, as `name` or `<name> (old)`; an endpoint that the restored branch had moves to it',
  updateSnapshot: '`expires_at` may be set too; null keeps the snapshot for ever',
  setSnapshotSchedule:
    'in UTC, at the full hour; weeks begin on Monday, a day beyond the end of a month is its last; items that are due together, and what was missed while control was down, yield one snapshot, kept as long as the longest of them says; of root branches: one with a parent takes an empty schedule only, but the schedule of a root that gets a parent by a restore with `preserve_under_name` goes on until it is emptied',
  getProjectBranchSchema: '`format` is `sql` or `json`',
  getProjectBranchSchemaComparison: 'a unified diff, empty where nothing differs',
  createApiKey: 'the key is shown this once',
  getCurrentUserInfo: 'limits are those of an installation without plans',
  listOrgApiKeys: 'for everybody who may look at the projects',
  createOrgApiKey:
    'by admins; with `project_id` the key opens that project alone, as a member would; the key is shown this once',
  getOrganizationMembers: 'for everybody who may look at the projects',
  updateOrganizationMember: 'the last admin stays one',
  createOrganizationInvitations:
    'without mail: a user becomes a member at once, anybody else when an operator makes such a user; an open invitation is renewed',
  setOrganizationSpendingLimit: 'is kept and shown, without effect',
  getCurrentUserOrganizations: 'of a key of an organization: that organization',
  getAuthDetails: '`auth_method` is `api_key_user` or `api_key_org`',
  getActiveRegions: '`PGFLEET_REGIONS`; the first one is the default',
};

test('docs/api.md lists the operations that the router knows', async () => {
  await using control = await TestControl.open(postgres, { works: false });
  const known = publishedContract().operations.filter(
    (operation) =>
      control.api.hasRoute({
        method: operation.method,
        url: `/api/v2${operation.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      }) && !isMissing(operation),
  );
  const ids = known.map(({ operationId }) => operationId);
  expect(ids).toEqual(expect.arrayContaining(Object.keys(remarks)));
  await expect(document(known)).toMatchFileSnapshot('../../../../docs/api.md');
});

function isMissing({ method, path }: ContractOperation): boolean {
  return unimplementedOperations.some((each) => each.method === method && each.path === path);
}

function document(operations: readonly ContractOperation[]): string {
  const rows = operations.map(
    ({ operationId, method, path }) =>
      `| ${method} | \`${path}\` | \`${operationId}\` | ${remarks[operationId] ?? ''} |`,
  );
  return `# API

Generated by \`packages/control/src/api/api-document.test.ts\` from the router and the published
contract; CI compares.

The base is \`http://127.0.0.1:7400/api/v2\`. Every call carries \`Authorization: Bearer <key>\`; the
first key is in \`admin.key\` of the data directory. Requests and answers are those of the Neon API
v2, so its clients work when they are given this base: \`neon --api-host\`, \`baseURL\` of
\`@neondatabase/api-client\`, \`baseUrl\` of \`@neon/sdk\`. Errors: [errors.md](errors.md).

## Operations

| method | path | operationId | remarks |
|---|---|---|---|
${rows.join('\n')}

Other operations of the contract answer 501 ([which and why](api-coverage.md)), paths that it does
not have 404.

Without a key too: \`GET /api/v2/openapi.json\` is the description of all of it, in OpenAPI 3.1, made
from the schemas that requests are checked with; \`GET /api/v2/docs\` shows it to people.

Beside the API and without a key: \`GET /healthz\` answers 200 while the control database can be
reached and 503 while it cannot; \`GET /metrics\` is for Prometheus.

## Who may do what

| role in the organization | may |
|---|---|
| \`admin\`, and keys of the organization | everything: delete projects, make keys, manage the organization |
| \`member\` | look at projects, change them, make new ones |
| \`editor\` | look at projects and change them |
| \`viewer\` | look at projects, but not at passwords |
| \`collaborator\` | nothing in the organization |
| none, but the project is shared | look at the project and change it |

A key of a project is a member who sees that project alone. Projects that one cannot see are answered
with 404, rights that one has not with 403.

## pgfleet's own

Same key, same errors. A drill restores a branch into a compute that is thrown away and reads all of
it: from the nearest point of history and, where there is one, from the point before it, and both have
to have as many rows in every table. Every project in which something ran has one a day
(\`PGFLEET_RESTORE_DRILLS\`); one that could not be done is repeated an hour later.

| method | path | |
|---|---|---|
| GET | \`/pgfleet/projects/{project_id}/restore_drills\` | \`{restore_drills}\`, newest first, at most \`limit\` (100): when, to which LSN, how long the restore took (\`restore_ms\`), how far the newest restorable commit lay behind the head when it began (\`recovery_point_seconds\`), what was read, whether a second copy had as many rows (\`compared\`), what is wrong (\`problems\`) |
| POST | \`/pgfleet/projects/{project_id}/branches/{branch_id}/verify\` | a drill now, to \`lsn\`, \`timestamp\` or a random point; answers \`{restore_drill}\` when it is over; two at a time, more are answered with 429 |
| POST | \`/pgfleet/users\` | \`{email, name}\`, by operators: a user, who takes up the invitations to that address; answers \`{user, api_key}\`, the key this once |
| POST | \`/pgfleet/organizations\` | \`{name}\`, by operators: an organization with the operator as its admin; answers \`{organization}\` |

Operators are the user of \`admin.key\`.

## What differs from Neon

- Every change takes an \`Idempotency-Key\` of at most 255 characters: a call repeated with the same
  key within a day gets the first answer and changes nothing, also when control was killed in between;
  one that comes while the first is under way waits for it. A drill on demand, which changes nothing, is
  shared like that within one control process; two of them may each do it, and answer with the same.
  The same key with another method, path, query or body is answered with 422; the order of fields and
  parameters makes no difference, nor does what nobody reads of a body. Keys are the user's, or those
  of one key of an organization. Who may not edit the project of the call any more, or manage its
  organization, is refused its answer as well. Refusals are not kept: what was refused has changed
  nothing and may be tried again.
- \`Prefer: wait=N\` on a change: the answer comes when its operations have ended, or
  after N seconds, at most 55, and shows everything as it is by then; \`Preference-Applied: wait=N\`
  says so. A thousand calls may wait at a time; to one more the answer comes at once, without that
  header. With an \`Idempotency-Key\` the same call takes up the wait again, and is answered with how
  everything is then, its \`ETag\` included.
- \`ETag\` on \`GET\` of single objects and on changes of them: it changes with everything that can be
  seen of the object, what a compute uses included. \`If-Match\` on \`PATCH\`, \`PUT\` and \`DELETE\` of
  what \`GET\` shows, and on snapshots: 412 when the object has another ETag, and of two changes with
  the same one exactly one is made. \`If-None-Match\` on \`GET\`: 304. What is already gone is deleted
  with 204 whatever \`If-Match\` says.
- Rates are limited as the contract's documentation says: 700 requests a minute for a user with all
  keys, or an organization with all of its keys, 40 a second to one route, 30 a minute for consumption,
  10 a second for making keys of an organization; more are answered with 429 and \`Retry-After\`.
  Operators are not limited; [config.md](config.md) names the variables. Every control process counts
  for itself.
- Changes that wait for each other are queued in order. While a branch is being restored, requests
  that would delete it, restore it again, make a child of it or change its endpoints wait for their
  turn; 423 is answered when that takes more than 15 seconds.
- \`X-Request-ID\` names a request in up to 256 printable characters of ASCII: errors repeat it as
  \`request_id\`, and \`x-neon-ret-request-id\` of every answer and the audit log have it. Another one is
  passed over, and the request gets a UUID.
- Bodies are JSON whatever they are called among \`application/json\`, \`text/plain\` and what
  \`curl -d\` says; other types are answered with 415, more than 1 MiB with 413. A path that there is for
  other methods only is answered with 405 and \`Allow\`.
- Unknown fields are ignored. Names of roles and databases are any text of at most 63 bytes, but for
  \`.\` and \`..\`, which a client takes for steps in a path.
- A \`pg_version\` of 14 to 18 must be installed on a host of the region, else the answer is 422 and
  names the versions there are.
- \`suspend_timeout_seconds\` may be as low as \`PGFLEET_MIN_SUSPEND_TIMEOUT_SECONDS\`.
- \`connection_uri\` names the platform's port, and the endpoint in its \`options\` where the
  endpoint's own host does not resolve. Clients that build URIs themselves from \`host\`
  (\`neon connection-string\`) name no port, which means 5432: set \`PGFLEET_PG_PORT=5432\` and a
  \`PGFLEET_DOMAIN\` that resolves to use those as they are.
- \`synthetic_storage_size\` is what data and history of all branches and snapshots occupy on the host
  as last measured; \`logical_size\` of a branch is left out until it was measured.
- \`written_data_bytes\` are the bytes of WAL that clients made Postgres generate, as its own
  \`pg_stat_wal\` counts them.
- There are no plans, and so no limits of branches or of running computes. \`data_storage_bytes_hour\` is 0
  until it is metered.
`;
}
