import { PgfleetError, ProjectCreateRequest } from '@pgfleet/contract';
import type { CreatedProject, OrganizationId } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import type { Installation } from '../../domain/installation.ts';
import { planProject } from '../../domain/new-project.ts';
import type { NewProject } from '../../domain/new-project.ts';
import { organizationsWith, requireNoScope, requireOrganization } from '../../domain/principal.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Database } from '../../store/database.ts';
import { listInstalledMajors } from '../../store/hosts.ts';
import { insertProject } from '../../store/create-project.ts';
import type { InsertedProject } from '../../store/create-project.ts';
import type { ApiContext } from '../api-context.ts';
import { principalOf } from '../authenticate.ts';
import { mutatePrepared } from '../mutation.ts';
import { presentBranch } from '../present/present-branch.ts';
import { presentConnection } from '../present/present-connection.ts';
import { presentNewEndpoint } from '../present/present-endpoint.ts';
import { presentOperation } from '../present/present-operation.ts';
import { presentNewProject } from '../present/present-project.ts';
import { presentDatabase, presentRole } from '../present/present-role.ts';
import { requireLibraries } from '../require-libraries.ts';
import { storeRoleSecrets } from '../role-secrets.ts';

/** `POST /projects`: inserts everything, answers at once, and lets operations do the work. */
export function createProjectRoute(app: FastifyInstance, context: ApiContext): void {
  const { installation } = context;
  app.post<{ Body: ProjectCreateRequest }>(
    '/projects',
    { schema: { body: ProjectCreateRequest } },
    (request, reply) =>
      mutatePrepared(
        context,
        { request, reply },
        {
          prepare: () => prepare(request.body, principalOf(request), context),
          change: async (tx, { plan, stored }) => ({
            status: 201,
            body: presentCreated(plan, await insertProject(tx, plan, stored), installation),
          }),
        },
      ),
  );
}

async function prepare(
  { project }: ProjectCreateRequest,
  principal: Principal,
  { db, secrets, installation }: ApiContext,
) {
  const organizationId = chooseOrganization(principal, project.org_id);
  const plan = planProject(project, { organizationId, userId: principal.userId }, installation);
  const role = {
    ...plan.role,
    branchId: plan.branch.id,
    isStored: plan.project.store_passwords,
  };
  const [stored] = await Promise.all([
    storeRoleSecrets(role, secrets),
    requireInstalled(db, plan.project),
    requireLibraries(db, plan.project, { settings: project.settings, field: 'project.settings' }),
  ]);
  return { plan, stored };
}

/**
 * The organization that is to have a new project: the wanted one, or the only one there is.
 *
 * @throws PgfleetError `organization_not_found`, `forbidden`, `outside_key_scope`;
 * `invalid_request` when there is a choice.
 */
export function chooseOrganization(
  principal: Principal,
  wanted: string | undefined,
): OrganizationId {
  if (wanted !== undefined) return requireOrganization(principal, wanted, 'create');
  requireNoScope(principal);
  const [only, ...others] = organizationsWith(principal, 'create');
  if (only && others.length === 0) return only;
  throw new PgfleetError('invalid_request', {
    message: 'org_id is required, you can find it on your organization settings page',
  });
}

// Before any host of the region is known, the project waits for one instead.
async function requireInstalled(
  db: Database,
  { region_id: regionId, pg_major: major }: NewProject['project'],
): Promise<void> {
  const installed = await listInstalledMajors(db, regionId);
  if (installed.length === 0 || installed.includes(major)) return;
  throw new PgfleetError('postgres_version_missing', {
    message: `Postgres ${major} is not installed in ${regionId} (installed: ${installed.join(', ')})`,
  });
}

function presentCreated(
  plan: NewProject,
  { createdAt, databaseId }: InsertedProject,
  installation: Installation,
): CreatedProject {
  const times = { created_at: createdAt, updated_at: createdAt };
  const { region_id: regionId } = plan.project;
  return {
    project: presentNewProject(
      {
        ...plan.project,
        ...times,
        exceeded_quota: null,
        exceeded_until: null,
        deleted_at: null,
        purge_at: null,
      },
      installation,
    ),
    connection_uris: [presentConnection(targetOf(plan), installation)],
    roles: [presentRole({ ...roleRow(plan), ...times }, plan.role.password)],
    databases: [presentDatabase({ ...databaseRow(plan), ...times, id: databaseId })],
    operations: plan.operations.map((operation) =>
      presentOperation({ ...operation, created_at: createdAt }),
    ),
    branch: presentBranch({ ...branchRow(plan), ...times, state_changed_at: createdAt }),
    endpoints: [presentNewEndpoint({ ...endpointRow(plan), ...times }, regionId, installation)],
  };
}

function targetOf({ endpoint, project, role, databaseName: database }: NewProject) {
  const { name, password } = role;
  return { id: endpoint.id, regionId: project.region_id, role: name, password, database };
}

function roleRow({ branch, role }: NewProject) {
  return { branch_id: branch.id, name: role.name, is_protected: false };
}

function databaseRow({ branch, databaseName, role }: NewProject) {
  return { branch_id: branch.id, name: databaseName, owner_name: role.name };
}

function branchRow({ project, branch, timelineId }: NewProject) {
  return {
    ...branch,
    project_id: project.id,
    timeline_id: timelineId,
    parent_id: null,
    parent_lsn: null,
    parent_timestamp: null,
    is_default: true,
    is_protected: false,
    current_state: 'init' as const,
    pending_state: 'ready' as const,
    init_source: 'parent-data' as const,
    expires_at: null,
    ttl_interval_seconds: null,
    last_reset_at: null,
    deleted_at: null,
    purge_at: null,
    deleted_by: null,
    restored_from: null,
    restored_as: null,
    restore_status: null,
    is_anonymized: false,
    created_by: project.owner_id,
  };
}

function endpointRow({ project, branch, endpoint }: NewProject) {
  return {
    ...endpoint,
    project_id: project.id,
    branch_id: branch.id,
    type: 'read_write' as const,
    name: null,
    is_disabled: false,
    pooler_enabled: false,
    passwordless_access: true,
    provisioner: project.provisioner,
    generation: 1,
    is_heard: false,
    current_state: 'init' as const,
    pending_state: 'active' as const,
    last_active: null,
    started_at: null,
    suspended_at: null,
    active_seconds: 0,
    bytes_out: 0,
    written_bytes: 0,
    deleted_at: null,
  };
}
