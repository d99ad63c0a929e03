import type { TimelineSpec } from '@pgfleet/contract';

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
  /** Whether `spec.initial` is inside the cluster: from then on roles are the tenant's to change. */
  readonly specApplied: boolean;
}

export function isTimelineRecord(value: unknown): value is TimelineRecord {
  if (typeof value !== 'object' || value === null) return false;
  return 'spec' in value && 'state' in value && 'sealedSecret' in value;
}
