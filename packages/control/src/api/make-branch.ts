import type { BranchCreateRequest, CreatedBranch, MaskingRule } from '@pgfleet/contract';
import { planMasking } from '../domain/anonymize-branch.ts';
import { requireLasting } from '../domain/branch-rules.ts';
import { planBranch } from '../domain/new-branch.ts';
import type { NewOperation } from '../domain/new-operation.ts';
import { pointInTime } from '../domain/point-in-time.ts';
import type { Principal } from '../domain/principal.ts';
import { insertAnonymization, startAnonymization } from '../store/anonymized-branches.ts';
import { getBranch, getDefaultBranch, requireFreeName } from '../store/branches.ts';
import type { BranchDetails } from '../store/branches.ts';
import {
  insertBranch,
  insertBranchContent,
  insertDerivedTimeline,
} from '../store/create-branch.ts';
import type { Database } from '../store/database.ts';
import { insertEndpoint } from '../store/endpoints.ts';
import { insertOperations } from '../store/operations.ts';
import { getProject, lockProject } from '../store/projects.ts';
import { listRoles } from '../store/roles.ts';
import type {
  BranchRow,
  DatabaseRow,
  EndpointRow,
  OperationRow,
  ProjectRow,
  RoleRow,
} from '../store/schema.ts';
import type { ApiContext } from './api-context.ts';
import { requireUnmoved, resolveBranchPoint } from './branch-point.ts';
import type { BranchPoint } from './branch-point.ts';
import { inheritRoles, renewRoles } from './copy-roles.ts';
import { presentBranch } from './present/present-branch.ts';
import { presentConnection } from './present/present-connection.ts';
import { presentNewEndpoint } from './present/present-endpoint.ts';
import { presentOperation } from './present/present-operation.ts';
import { presentDatabase, presentRole } from './present/present-role.ts';
import { revealPassword } from './role-secrets.ts';

/** Who wants which branch. */
export interface BranchWish {
  readonly projectId: string;
  readonly principal: Principal;
  readonly body: BranchCreateRequest;
  /** Of a branch that nobody is to see before its data is masked. */
  readonly anonymization?: {
    readonly rules: readonly MaskingRule[];
    readonly isStarted: boolean;
  };
}

/** Inserts a branch with all that belongs to it, in a transaction; operations do the rest. */
export async function makeBranch(
  tx: Database,
  { wish, point }: { readonly wish: BranchWish; readonly point: BranchPoint },
  context: ApiContext,
): Promise<CreatedBranch> {
  const { principal } = wish;
  const project = await lockProject(tx, wish.projectId, principal);
  const parent = await getBranch(tx, project.id, point.branchId);
  requireUnmoved(parent, point);
  requireLasting(parent, 'have children');
  const plan = planBranch(wish.body, point, {
    project,
    userId: principal.userId,
    now: new Date(),
    installation: context.installation,
  });
  await requireFreeName(tx, project.id, plan.branch.name);
  return presentCreated(await create(tx, { project, parent, plan, wish }, context), context);
}

/**
 * Asks the host of a new branch's parent for the point that it is to be made of.
 *
 * @throws PgfleetError as {@link resolveBranchPoint}.
 */
export async function findParentPoint(context: ApiContext, call: BranchWish): Promise<BranchPoint> {
  const { db } = context;
  const wanted = call.body.branch ?? {};
  const at = pointInTime(
    { lsn: wanted.parent_lsn, timestamp: wanted.parent_timestamp },
    'branch.parent_',
  );
  const project = await getProject(db, call.projectId, { ...call.principal, right: 'edit' });
  const branch = await (wanted.parent_id
    ? getBranch(db, project.id, wanted.parent_id)
    : getDefaultBranch(db, project.id));
  requireLasting(branch, 'have children');
  return resolveBranchPoint({ project, branch }, at, context);
}

interface Created {
  readonly project: ProjectRow;
  readonly branch: BranchDetails;
  readonly endpoints: readonly EndpointRow[];
  readonly operations: readonly OperationRow[];
  readonly roles: readonly RoleRow[];
  /** By role, where they are new. */
  readonly passwords: ReadonlyMap<string, string>;
  readonly databases: readonly DatabaseRow[];
}

// What a protected branch guards must not be reached with the passwords of its copies.
async function create(
  tx: Database,
  insertion: {
    readonly project: ProjectRow;
    readonly parent: BranchRow;
    readonly plan: ReturnType<typeof planBranch>;
    readonly wish: BranchWish;
  },
  context: ApiContext,
): Promise<Created> {
  const { project, parent, plan } = insertion;
  await insertDerivedTimeline(tx, plan.timeline, project.id);
  const branch = await insertBranch(tx, {
    ...plan.branch,
    project_id: project.id,
    timeline_id: plan.timeline.id,
    current_state: 'init',
    is_anonymized: insertion.wish.anonymization !== undefined,
  });
  const known = await listRoles(tx, parent.id);
  const target = { branchId: branch.id, isStored: project.store_passwords };
  const copied = parent.is_protected
    ? await renewRoles(known, target, context)
    : inheritRoles(known, branch.id, context);
  const content = { roles: copied.map(({ role }) => role), databasesOf: parent.id };
  const { roles, databases } = await insertBranchContent(tx, branch.id, content);
  const endpoints: EndpointRow[] = [];
  for (const endpoint of plan.endpoints) endpoints.push(await insertEndpoint(tx, endpoint, branch));
  const masking = await anonymize(tx, branch, insertion.wish);
  const [making, ...starting] = plan.operations;
  const operations = await insertOperations(tx, [making!, ...masking, ...starting]);
  const passwords = new Map(
    copied.flatMap(({ role, password }) => (password ? [[role.name, password] as const] : [])),
  );
  const shown = await getBranch(tx, project.id, branch.id);
  return { project, branch: shown, endpoints, operations, roles, passwords, databases };
}

// After the data is there, and before anything starts on it.
async function anonymize(
  tx: Database,
  { id: branchId, project_id: projectId, timeline_id: timelineId }: BranchRow,
  { anonymization, principal }: BranchWish,
): Promise<NewOperation[]> {
  if (!anonymization) return [];
  const { rules, isStarted } = anonymization;
  await insertAnonymization(tx, branchId, rules);
  if (!isStarted) return [];
  const plan = planMasking({ projectId, branchId, timelineId, rules });
  const branch = { id: branchId, project_id: projectId };
  await startAnonymization(tx, branch, { plan, userId: principal.userId });
  return [{ ...plan.operation, status: 'scheduling' }];
}

function presentCreated(created: Created, context: ApiContext): CreatedBranch {
  const { project, branch, endpoints, operations, roles, passwords, databases } = created;
  const connections = presentConnections(created, context);
  return {
    branch: presentBranch(branch),
    endpoints: endpoints.map((endpoint) =>
      presentNewEndpoint(endpoint, project.region_id, context.installation),
    ),
    operations: operations.map(presentOperation),
    roles: roles.map((role) => presentRole(role, passwords.get(role.name))),
    databases: databases.map(presentDatabase),
    ...(connections.length > 0 ? { connection_uris: connections } : {}),
  };
}

// With several roles or databases there is a choice that only the client can make.
function presentConnections(
  { project, endpoints, roles, passwords, databases }: Created,
  { installation, secrets }: ApiContext,
) {
  const [role, ...otherRoles] = roles;
  const [database, ...otherDatabases] = databases;
  if (!role || !database || otherRoles.length > 0 || otherDatabases.length > 0) return [];
  const isKnown = role.sealed_password !== null || passwords.has(role.name);
  if (!isKnown) return [];
  const password = passwords.get(role.name) ?? revealPassword(role, secrets);
  return endpoints.map(({ id }) =>
    presentConnection(
      { id, regionId: project.region_id, role: role.name, password, database: database.name },
      installation,
    ),
  );
}
