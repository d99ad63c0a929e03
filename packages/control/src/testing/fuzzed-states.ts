import { newOrganizationId } from '@pgfleet/contract';
import { insertOrganization } from '../store/accounts.ts';
import type { FuzzedTenant, KnownValues } from './fuzzed-tenant.ts';

/** Operations that take an operator's key. */
export const forOperators: ReadonlySet<string> = new Set(['createUser', 'createOrganization']);

interface Identified {
  readonly id: string;
}

type BringAbout = (tenant: FuzzedTenant) => Promise<KnownValues>;

/** What has to be so that an operation can succeed, and what there is then. */
export const fuzzedStates: Readonly<Record<string, BringAbout>> = {
  recoverProject: async (tenant) => {
    await tenant.change('DELETE', projectPath(tenant));
    return {};
  },

  revokePermissionFromProject: async (tenant) => {
    const path = `${projectPath(tenant)}/permissions`;
    const { id } = await tenant.change<Identified>('POST', path, { email: 'zoe@example.com' });
    return { permission_id: [id] };
  },

  acceptProjectTransferRequest: async (tenant) => {
    const path = `${projectPath(tenant)}/transfer_requests`;
    const { id } = await tenant.change<Identified>('POST', path, {});
    return { request_id: [id], org_id: [await secondOrganization(tenant)] };
  },

  addProjectJWKS: async () => ({ jwks_url: ['https://example.com/jwks.json'] }),

  deleteProjectJWKS: async (tenant) => {
    const { jwks } = await tenant.change<{ jwks: Identified }>(
      'POST',
      `${projectPath(tenant)}/jwks`,
      { jwks_url: 'https://example.com/jwks.json', provider_name: 'a' },
    );
    return { jwks_id: [jwks.id] };
  },

  restoreProjectBranch: async (tenant) => ({ ...child(tenant), source_branch_id: [main(tenant)] }),

  recoverProjectBranch: async (tenant) => {
    const { branch_id: ids } = child(tenant);
    await tenant.change('DELETE', `${projectPath(tenant)}/branches/${ids[0]}`);
    return { branch_id: ids };
  },

  finalizeRestoreBranch: async (tenant) => {
    const path = `${projectPath(tenant)}/snapshots/${tenant.the('snapshot_id')}/restore`;
    const { branch } = await tenant.change<{ branch: Identified }>('POST', path, {});
    await tenant.settle(tenant.the('project_id'));
    return { branch_id: [branch.id] };
  },

  // Of roots only.
  createSnapshot: async (tenant) => ({ branch_id: [main(tenant)] }),

  getProjectBranchSchemaComparison: async (tenant) => child(tenant),

  createProjectBranchAnonymized: async () => maskingCall,
  getMaskingRules: anonymizedBranch,
  updateMaskingRules: anonymizedBranch,
  getAnonymizedBranchStatus: anonymizedBranch,
  startAnonymization: anonymizedBranch,

  createProjectEndpoint: async (tenant) => {
    const { branch } = await tenant.change<{ branch: Identified }>(
      'POST',
      `${projectPath(tenant)}/branches`,
      { branch: { name: 'bare' } },
    );
    await tenant.settle(tenant.the('project_id'));
    return { branch_id: [branch.id] };
  },

  transferProjectsFromUserToOrg: transfer,
  transferProjectsFromOrgToOrg: transfer,

  revokeOrgApiKey: async (tenant) => {
    const path = `/organizations/${tenant.the('org_id')}/api_keys`;
    const { id } = await tenant.change<{ id: number }>('POST', path, { key_name: 'a' });
    return { key_id: [String(id)] };
  },

  getOrganizationMember: secondMember,
  updateOrganizationMember: secondMember,
  removeOrganizationMember: secondMember,

  getConsumptionHistoryPerProjectV2: consumption,
  getConsumptionHistoryPerBranchV2: consumption,
};

function projectPath(tenant: FuzzedTenant): string {
  return `/projects/${tenant.the('project_id')}`;
}

function main(tenant: FuzzedTenant): string {
  return tenant.the('branch_id');
}

function child(tenant: FuzzedTenant) {
  return { branch_id: [tenant.the('child_branch_id')] };
}

const maskingCall = { masking_function: ['anon.fake_email()'] };

async function anonymizedBranch(tenant: FuzzedTenant): Promise<KnownValues> {
  const [masking_function] = maskingCall.masking_function;
  const rule = {
    database_name: 'neondb',
    schema_name: 'public',
    table_name: 'users',
    column_name: 'email',
    masking_function,
  };
  const { branch } = await tenant.change<{ branch: Identified }>(
    'POST',
    `${projectPath(tenant)}/branch_anonymized`,
    { masking_rules: [rule] },
  );
  await tenant.settle(tenant.the('project_id'));
  return { ...maskingCall, branch_id: [branch.id] };
}

async function transfer(tenant: FuzzedTenant): Promise<KnownValues> {
  return {
    source_org_id: [tenant.the('org_id')],
    destination_org_id: [await secondOrganization(tenant)],
    project_ids: [tenant.the('project_id')],
  };
}

async function secondOrganization({ control, account }: FuzzedTenant): Promise<string> {
  const id = newOrganizationId();
  await insertOrganization(control.db, { id, name: 'second', adminId: account.userId });
  return id;
}

async function secondMember({ control, account }: FuzzedTenant): Promise<KnownValues> {
  const { userId } = await control.createAccount();
  const { id } = await control.db
    .insertInto('organization_members')
    .values({ user_id: userId, organization_id: account.organizationId, role: 'viewer' })
    .returning('id')
    .executeTakeFirstOrThrow();
  return { member_id: [id] };
}

async function consumption(tenant: FuzzedTenant): Promise<KnownValues> {
  const hourMs = 3_600_000;
  return {
    from: [new Date(Date.now() - 2 * hourMs).toISOString()],
    to: [new Date().toISOString()],
    metrics: ['compute_unit_seconds', 'instant_restore_bytes_month'],
    project_ids: [tenant.the('project_id')],
  };
}
