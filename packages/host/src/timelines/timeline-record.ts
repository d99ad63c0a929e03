import type { ClusterContent, InPlaceTarget } from '@pgfleet/compute';
import type { TimelineId, TimelineReady, TimelineSpec } from '@pgfleet/contract';

/** An untouched clone of a template. */
export interface TemplateBeginning {
  readonly tree: string;
  /** Of its checkpoint; as `pg_lsn` writes it. */
  readonly lsn: string;
  readonly at: string;
}

/** A recovery that is left to the first launch, or until somebody needs what is in it. */
export interface PendingRecovery extends InPlaceTarget {
  /** What it will lead to, where that is known. */
  readonly content?: ClusterContent;
  /** What takes long to clone is not there yet: before a launch the tree is made again. */
  readonly lacksData?: boolean;
}

/** What a host keeps about one timeline. */
export interface TimelineRecord {
  readonly spec: TimelineSpec;
  /**
   * `creating`: its tree may be missing; it is made again from the start.
   * `deleting`: its tree may be there; deletion is resumed.
   */
  readonly state: 'creating' | 'ready' | 'deleting';
  /** The project's user; null when the host is not root. */
  readonly uid: number | null;
  /** `cloud_admin`'s secret in this timeline once {@link specApplied}. */
  readonly sealedSecret: string;
  /** What it may be until then: that of the template or of the timeline it is a copy of. */
  readonly sealedInherited?: readonly string[];
  /** Whether `spec.initial` is inside the cluster: from then on roles are the tenant's to change. */
  readonly specApplied: boolean;
  /**
   * The recovery that its first launch does, unless somebody needs it before: until then its tree is an
   * image with WAL behind it, which a crash in the middle makes worthless but for that WAL.
   */
  readonly pending?: PendingRecovery;
  /** Where its source was cut; null for one made of a template. */
  readonly origin?: TimelineReady['origin'];
  /** The template that it began as, a point of its history for as long as the template is there. */
  readonly beginning?: TemplateBeginning;
  /** It serves one question about the past and is deleted at the next start of the host. */
  readonly ephemeral?: boolean;
  /** The timeline of the same history that it reads on with; `cloud_admin`'s secret is that one's. */
  readonly follows?: TimelineId;
}

export function isTimelineRecord(value: unknown): value is TimelineRecord {
  if (typeof value !== 'object' || value === null) return false;
  return 'spec' in value && 'state' in value && 'sealedSecret' in value;
}
