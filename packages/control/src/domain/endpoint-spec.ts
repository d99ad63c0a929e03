import type {
  BranchId,
  BranchState,
  ComputeQuota,
  EndpointId,
  EndpointSettings,
  EndpointSpec,
  EndpointType,
  HostId,
  ProjectId,
  ProjectSettings,
  TimelineId,
  TimelineSource,
} from '@pgfleet/contract';
import { effectiveSuspendTimeout } from './compute-settings.ts';
import { enabledLibraries } from './preload-libraries.ts';

/** A branch with all that its host has to know, named as the columns are. */
export interface BranchOnHost {
  readonly branch: {
    readonly id: BranchId;
    readonly timeline_id: TimelineId;
    readonly current_state: BranchState;
    readonly is_protected: boolean;
    /** When it was deleted; its data may still be there. */
    readonly deleted_at: string | null;
  };
  readonly project: {
    readonly id: ProjectId;
    readonly region_id: string;
    readonly pg_major: number;
    readonly settings: ProjectSettings;
    readonly history_retention_seconds: number;
    readonly exceeded_quota: ComputeQuota | null;
    readonly deleted_at: string | null;
  };
  /** The present timeline of the branch, unless another one was asked for. */
  readonly timeline: { readonly id: TimelineId; readonly source: TimelineSource };
  /** Null until a host was chosen. */
  readonly host: { readonly id: HostId; readonly address: string } | null;
  /** Whether it is an anonymized branch whose data nobody may see yet. */
  readonly isUnmasked: boolean;
  /** Deleted ones too: the host may not know yet. */
  readonly endpoints: readonly EndpointOnHost[];
}

export interface EndpointOnHost {
  readonly id: EndpointId;
  readonly type: EndpointType;
  readonly min_cu: number;
  readonly max_cu: number;
  readonly suspend_timeout_seconds: number;
  readonly is_disabled: boolean;
  readonly settings: EndpointSettings;
  readonly generation: number;
  readonly deleted_at: string | null;
}

/** What the host of an endpoint has to know about it. */
export function endpointSpec(
  endpoint: EndpointOnHost,
  { branch, project, isUnmasked }: BranchOnHost,
): EndpointSpec {
  const { allowed_ips: allowed, block_public_connections: isClosed } = project.settings;
  const { block_vpc_connections: isClosedInside, enable_logical_replication: isLogical } =
    project.settings;
  const { logical_size_bytes: sizeLimit = 0 } = project.settings.quota ?? {};
  const isListed = !allowed?.protected_branches_only || branch.is_protected;
  return {
    endpointId: endpoint.id,
    projectId: project.id,
    branchId: branch.id,
    timelineId: branch.timeline_id,
    type: endpoint.type,
    minCu: endpoint.min_cu,
    maxCu: endpoint.max_cu,
    suspendTimeoutSeconds: effectiveSuspendTimeout(endpoint.suspend_timeout_seconds),
    allowedIps: isListed ? (allowed?.ips ?? []) : [],
    blockPublicConnections: isClosed ?? false,
    blockPrivateConnections: isClosedInside ?? false,
    disabled: endpoint.is_disabled,
    ...(isUnmasked && { unmasked: true }),
    exceededQuota: project.exceeded_quota,
    ...(sizeLimit > 0 && { logicalSizeLimitBytes: sizeLimit }),
    pgSettings: endpoint.settings.pg_settings ?? {},
    logicalReplication: isLogical ?? false,
    preloadLibraries: [...enabledLibraries(project.settings, endpoint.settings)],
    generation: endpoint.generation,
  };
}
