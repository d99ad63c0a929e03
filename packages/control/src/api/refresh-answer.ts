import type { OperationId, ProjectId } from '@pgfleet/contract';
import { findBranch } from '../store/branches.ts';
import { findEndpoint } from '../store/endpoints.ts';
import { listOperationsById } from '../store/operations.ts';
import { findProjectDetails } from '../store/projects.ts';
import { findSnapshot } from '../store/snapshots.ts';
import type { ApiContext } from './api-context.ts';
import { presentBranch } from './present/present-branch.ts';
import { presentEndpoint } from './present/present-endpoint.ts';
import { presentOperation } from './present/present-operation.ts';
import { presentProject } from './present/present-project.ts';
import { presentSnapshot } from './present/present-snapshot.ts';

interface Identified {
  readonly id: string;
}

interface ShownOperation extends Identified {
  readonly project_id: ProjectId;
}

interface ShownEndpoint extends Identified {
  readonly region_id: string;
}

/** What of the answers to changes goes on changing while operations run. */
interface ChangingAnswer {
  readonly operations?: readonly ShownOperation[];
  readonly project?: Identified;
  readonly branch?: Identified;
  readonly endpoint?: ShownEndpoint;
  readonly endpoints?: readonly ShownEndpoint[];
  readonly snapshot?: Identified;
}

type Read = Pick<ApiContext, 'db' | 'installation'>;

/** The operations that an answer names. */
export function operationsOf(body: unknown): OperationId[] {
  const { operations = [] } = (body ?? {}) as ChangingAnswer;
  return operations.map(({ id }) => id as OperationId);
}

/**
 * An answer that names operations, with everything in it as it is by now, in the same order. What is
 * shown this once, like passwords, stays as it was, and so does what is gone.
 */
export async function refreshAnswer(body: unknown, context: Read): Promise<unknown> {
  const answer = body as ChangingAnswer;
  const { operations = [], project, branch, endpoint, endpoints, snapshot } = answer;
  const [{ project_id: projectId } = noOperation] = operations;
  if (projectId === undefined) return body;
  const endpointNow = (shown: ShownEndpoint) => readEndpoint(shown, projectId, context);
  return {
    ...answer,
    ...(project && { project: await readProject(project, context) }),
    operations: await readOperations(operations, context),
    ...(branch && { branch: await readBranch(branch, projectId, context) }),
    ...(endpoint && { endpoint: await endpointNow(endpoint) }),
    ...(endpoints && { endpoints: await Promise.all(endpoints.map(endpointNow)) }),
    ...(snapshot && { snapshot: await readSnapshot(snapshot, projectId, context) }),
  };
}

const noOperation = { project_id: undefined };

async function readOperations(shown: readonly Identified[], { db }: Read) {
  const rows = await listOperationsById(
    db,
    shown.map(({ id }) => id as OperationId),
  );
  const byId = new Map<string, (typeof rows)[number]>(rows.map((row) => [row.id, row]));
  return shown.map((operation) => {
    const row = byId.get(operation.id);
    return row ? presentOperation(row) : operation;
  });
}

async function readProject(shown: Identified, { db, installation }: Read) {
  const project = await findProjectDetails(db, shown.id);
  return project ? presentProject(project, installation) : shown;
}

async function readBranch(shown: Identified, projectId: ProjectId, { db }: Read) {
  const branch = await findBranch(db, projectId, shown.id);
  return branch ? presentBranch(branch) : shown;
}

async function readEndpoint(
  shown: ShownEndpoint,
  projectId: ProjectId,
  { db, installation }: Read,
) {
  const endpoint = await findEndpoint(db, projectId, shown.id);
  return endpoint ? presentEndpoint(endpoint, shown.region_id, installation) : shown;
}

async function readSnapshot(shown: Identified, projectId: ProjectId, { db }: Read) {
  const snapshot = await findSnapshot(db, projectId, shown.id);
  return snapshot ? presentSnapshot(snapshot) : shown;
}
