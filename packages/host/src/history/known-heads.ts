import type { ClusterContent } from '@pgfleet/compute';
import type { TimelineId } from '@pgfleet/contract';

/** A moment of a running cluster that was asked about, and what there was then. */
export interface KnownHead {
  /** As `pg_lsn` writes it. */
  readonly lsn: string;
  /** The cluster's clock then, in RFC 3339. */
  readonly at: string;
  readonly content: ClusterContent;
}

const MAX_HEADS = 256;
// A cluster may have thousands of databases.
const MAX_NAMES = 200;

/**
 * The heads that timelines were last asked for, with what is otherwise known only once a copy was
 * recovered to them. A copy of one whose head is not known here any more is recovered when it is made.
 */
export class KnownHeads {
  readonly #heads = new Map<string, KnownHead>();

  note(timelineId: TimelineId, head: KnownHead): void {
    const { roles, databases } = head.content;
    if (roles.length + databases.length > MAX_NAMES) return;
    this.#heads.set(keyOf(timelineId, head.lsn), head);
    if (this.#heads.size <= MAX_HEADS) return;
    const [oldest] = this.#heads.keys();
    if (oldest !== undefined) this.#heads.delete(oldest);
  }

  find(timelineId: TimelineId, lsn: string): KnownHead | undefined {
    return this.#heads.get(keyOf(timelineId, lsn));
  }
}

const keyOf = (timelineId: TimelineId, lsn: string) => `${timelineId} ${lsn}`;
