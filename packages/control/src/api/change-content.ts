import { PgfleetError } from '@pgfleet/contract';
import type { ContentChange, Operation } from '@pgfleet/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requireSettled } from '../domain/branch-rules.ts';
import { contentOperation } from '../domain/new-operation.ts';
import { getBranch } from '../store/branches.ts';
import type { Database } from '../store/database.ts';
import { listEndpoints } from '../store/endpoints.ts';
import { insertOperations } from '../store/operations.ts';
import { lockProject } from '../store/projects.ts';
import type { BranchRow, ProjectRow } from '../store/schema.ts';
import type { ApiContext } from './api-context.ts';
import { principalOf } from './authenticate.ts';
import { requireMatch } from './etag.ts';
import { mutate } from './mutation.ts';
import type { ReadObject } from './objects.ts';
import { presentOperation } from './present/present-operation.ts';
import type { BranchParams } from './routes/params.ts';

/** A branch whose roles or databases are to be changed, in a transaction that locks its project. */
export interface ContentTarget {
  readonly tx: Database;
  readonly project: ProjectRow;
  readonly branch: BranchRow;
  /** Refuses the change where `If-Match` names another state than what `GET` shows now. */
  readonly requireSeen: (shown: object) => Promise<void>;
}

/** What was decided about a role or a database. */
export interface ContentAnswer {
  readonly status: number;
  /** What is shown beside the operations. */
  readonly body: object;
  /** What the branch's Postgres has to do; nothing where all stays as it is. */
  readonly change: ContentChange | undefined;
  readonly reread?: ReadObject;
}

/** How many roles, and how many databases, a branch may have. */
const MAX_ITEMS = 500;

/**
 * Changes the rows of a role or a database at once, and Postgres by an operation. Without an answer
 * of `decide` there is nothing to change any more.
 */
export function changeContent(
  context: ApiContext,
  http: {
    readonly request: FastifyRequest<{ Params: BranchParams }>;
    readonly reply: FastifyReply;
  },
  decide: (target: ContentTarget) => Promise<ContentAnswer | undefined>,
): Promise<FastifyReply> {
  const { project_id: projectId, branch_id: branchId } = http.request.params;
  return mutate(context, http, async (tx) => {
    const project = await lockProject(tx, projectId, principalOf(http.request));
    const branch = await getBranch(tx, project.id, branchId);
    requireSettled(branch);
    const requireSeen = (shown: object) => requireMatch(http.request, async () => shown);
    const answer = await decide({ tx, project, branch, requireSeen });
    if (!answer) return { status: 204, body: null };
    const operations = await insertChange(tx, branch, answer.change);
    const { status, body, reread } = answer;
    return { status, body: { ...body, operations }, ...(reread && { reread }) };
  });
}

/** @throws PgfleetError `too_many_roles`, `too_many_databases`. */
export function requireRoom(
  { length }: readonly unknown[],
  code: 'too_many_roles' | 'too_many_databases',
): void {
  if (length >= MAX_ITEMS) throw new PgfleetError(code);
}

async function insertChange(
  tx: Database,
  branch: BranchRow,
  change: ContentChange | undefined,
): Promise<Operation[]> {
  if (!change) return [];
  const { id: branchId, project_id: projectId } = branch;
  const endpoints = await listEndpoints(tx, { projectId, branchId });
  const endpoint = endpoints.find(({ type }) => type === 'read_write') ?? endpoints[0];
  const subject = { projectId, branchId, ...(endpoint && { endpointId: endpoint.id }) };
  const operations = await insertOperations(tx, [contentOperation(subject, [change])]);
  return operations.map(presentOperation);
}
