import type {
  BranchId,
  EndpointId,
  MaskingRules,
  OrganizationId,
  ProjectId,
  SnapshotId,
} from '@pgfleet/contract';
import type { Installation } from '../domain/installation.ts';
import { getOrganization } from '../store/accounts.ts';
import { getAnonymization } from '../store/anonymized-branches.ts';
import { getBackupSchedule } from '../store/backup-schedules.ts';
import { findBranch } from '../store/branches.ts';
import type { BranchDetails } from '../store/branches.ts';
import type { Database } from '../store/database.ts';
import { findEndpoint } from '../store/endpoints.ts';
import { findProjectDetails } from '../store/projects.ts';
import { findDatabase } from '../store/roles.ts';
import type { ProjectRow } from '../store/schema.ts';
import { findSnapshot } from '../store/snapshots.ts';
import { presentBranch } from './present/present-branch.ts';
import { presentEndpoint } from './present/present-endpoint.ts';
import { presentProjectDetails } from './present/present-project.ts';
import { presentDatabase } from './present/present-role.ts';
import { presentSnapshot } from './present/present-snapshot.ts';

/*
 * Single objects as `GET` answers with them, for whoever may see them anyway: what their ETags are
 * made of.
 */

/** Reads an object; undefined when it is gone. */
export type ReadObject = (db: Database) => Promise<unknown>;

export function projectObject(id: ProjectId, installation: Installation): ReadObject {
  return async (db) => {
    const project = await findProjectDetails(db, id);
    return project && { project: presentProjectDetails(project, installation) };
  };
}

export function branchObject(projectId: ProjectId, id: BranchId): ReadObject {
  return async (db) => {
    const branch = await findBranch(db, projectId, id);
    return branch && presentOneBranch(branch);
  };
}

export function maskingRulesObject(id: BranchId): ReadObject {
  return async (db): Promise<MaskingRules> => ({
    masking_rules: (await getAnonymization(db, id)).rules,
  });
}

/** What an answer to a change of one object shows. */
interface OneObject {
  readonly project?: { readonly id: ProjectId };
  readonly branch?: { readonly id: BranchId; readonly project_id: ProjectId };
  readonly endpoint?: {
    readonly id: EndpointId;
    readonly project_id: ProjectId;
    readonly region_id: string;
  };
  readonly database?: { readonly branch_id: BranchId; readonly name: string };
}

/**
 * The object that was changed, for whoever has nothing but the answer, of those that operations go on
 * changing.
 */
export function objectIn(answer: unknown, installation: Installation): ReadObject | undefined {
  const { project, branch, endpoint, database } = (answer ?? {}) as OneObject;
  if (project) return projectObject(project.id, installation);
  if (branch) return branchObject(branch.project_id, branch.id);
  if (endpoint) {
    const { id, project_id, region_id } = endpoint;
    return endpointObject({ id: project_id, region_id }, id, installation);
  }
  return database && databaseObject(database.branch_id, database.name);
}

/** Annotations are taken and not kept. */
export function presentOneBranch(branch: BranchDetails) {
  const annotation = { object: { type: 'console/branch', id: branch.id }, value: {} };
  return { branch: presentBranch(branch), annotation };
}

export function endpointObject(
  { id: projectId, region_id: regionId }: Pick<ProjectRow, 'id' | 'region_id'>,
  id: EndpointId,
  installation: Installation,
): ReadObject {
  return async (db) => {
    const endpoint = await findEndpoint(db, projectId, id);
    return endpoint && { endpoint: presentEndpoint(endpoint, regionId, installation) };
  };
}

export function databaseObject(branchId: BranchId, name: string): ReadObject {
  return async (db) => {
    const database = await findDatabase(db, branchId, name);
    return database && { database: presentDatabase(database) };
  };
}

export function snapshotObject(projectId: ProjectId, id: SnapshotId): ReadObject {
  return async (db) => {
    const snapshot = await findSnapshot(db, projectId, id);
    return snapshot && { snapshot: presentSnapshot(snapshot) };
  };
}

export function backupScheduleObject(id: BranchId): ReadObject {
  return async (db) => ({ schedule: [...(await getBackupSchedule(db, id))] });
}

export function spendingLimitObject(id: OrganizationId): ReadObject {
  return async (db) => {
    const { spending_limit_cents: cents } = await getOrganization(db, id);
    return { spending_limit_cents: cents };
  };
}
