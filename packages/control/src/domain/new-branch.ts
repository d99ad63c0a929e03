import { newBranchId, newTimelineId, PgfleetError } from '@pgfleet/contract';
import type {
  BranchCreateRequest,
  BranchId,
  BranchInitSource,
  PointInTime,
  TimelineId,
  TimelineSource,
  UserId,
} from '@pgfleet/contract';
import { noExpiry, planExpiry } from './branch-expiry.ts';
import type { BranchExpiry } from './branch-expiry.ts';
import type { Installation } from './installation.ts';
import { planEndpoint } from './new-endpoint.ts';
import type { EndpointProject, NewEndpoint } from './new-endpoint.ts';
import { newOperations, startOperations } from './new-operation.ts';
import type { NewOperation } from './new-operation.ts';

/** What a branch is made of. */
export interface BranchSource {
  readonly branchId: BranchId;
  readonly timelineId: TimelineId;
  readonly at: PointInTime;
  /** Null where it is known only after the history was replayed. */
  readonly lsn: string | null;
}

/** Everything that `POST /projects/{project_id}/branches` inserts, but for roles and databases. */
export interface NewBranch {
  readonly timeline: { readonly id: TimelineId; readonly source: DerivedSource };
  readonly branch: BranchExpiry & {
    readonly id: BranchId;
    readonly name: string;
    readonly parent_id: BranchId | null;
    readonly parent_lsn: string | null;
    /** RFC 3339, with microseconds. */
    readonly parent_timestamp: string | null;
    readonly is_protected: boolean;
    readonly init_source: BranchInitSource;
    readonly created_by: UserId;
  };
  readonly endpoints: readonly NewEndpoint[];
  readonly operations: readonly NewOperation[];
}

/** A source that is another timeline. */
export type DerivedSource = Exclude<TimelineSource, { readonly kind: 'template' }>;

export interface BranchOwner {
  readonly project: EndpointProject;
  readonly userId: UserId;
  readonly now: Date;
}

/**
 * Decides what a new branch is made of. One with the definitions of its source only is a root: it
 * shares nothing with its source.
 *
 * @throws PgfleetError `invalid_request`, `endpoint_exists` for two endpoints for writing.
 */
export function planBranch(
  request: BranchCreateRequest,
  source: BranchSource,
  { project, userId, now, installation }: BranchOwner & { readonly installation: Installation },
): NewBranch {
  const { branch = {}, endpoints = [] } = request;
  const id = newBranchId(project.region_id);
  const planned = endpoints.map((endpoint) => planEndpoint(endpoint, project, installation));
  const writing = planned.filter(({ type }) => type === 'read_write');
  if (writing.length > 1) throw new PgfleetError('endpoint_exists');
  const expiry = branch.expires_at === undefined ? noExpiry : planExpiry(branch.expires_at, now);
  requireLastingProtection(branch);
  return {
    ...planTimeline(branch.init_source, source),
    branch: {
      id,
      name: branch.name ?? id,
      ...parentage(branch.init_source, source),
      is_protected: branch.protected ?? false,
      init_source: branch.init_source ?? 'parent-data',
      created_by: userId,
      ...expiry,
    },
    endpoints: planned,
    operations: planOperations(
      { projectId: project.id, branchId: id },
      planned.map((endpoint) => endpoint.id),
    ),
  };
}

function planOperations(
  subject: Parameters<typeof newOperations>[0],
  endpointIds: readonly NewEndpoint['id'][],
): NewOperation[] {
  return [...newOperations(subject, ['create_branch']), ...startOperations(subject, endpointIds)];
}

function planTimeline(
  init: BranchInitSource | undefined,
  { timelineId, at }: BranchSource,
): Pick<NewBranch, 'timeline'> {
  const kind = init === 'schema-only' ? 'schema' : 'timeline';
  return { timeline: { id: newTimelineId(), source: { kind, timelineId, at } } };
}

function parentage(init: BranchInitSource | undefined, { branchId, at, lsn }: BranchSource) {
  if (init === 'schema-only') return { parent_id: null, parent_lsn: null, parent_timestamp: null };
  const time = at.kind === 'time' ? at.at : null;
  return { parent_id: branchId, parent_lsn: lsn, parent_timestamp: time };
}

function requireLastingProtection(branch: NonNullable<BranchCreateRequest['branch']>): void {
  if (!branch.protected || branch.expires_at === undefined) return;
  throw new PgfleetError('invalid_request', {
    message: 'an expiration cannot be set on a protected branch',
  });
}
