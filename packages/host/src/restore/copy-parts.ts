import type { Sandbox } from '@pgfleet/compute';
import type { Logger } from '@pgfleet/kit';
import type { Volume } from '@pgfleet/volume';
import type { Histories } from '../history/histories.ts';
import type { KnownHeads } from '../history/known-heads.ts';
import type { Loans } from '../history/loans.ts';
import type { WalStores } from '../history/wal-stores.ts';
import type { Semaphore } from '../storage/semaphore.ts';
import type { HostLayout } from '../storage/host-layout.ts';
import type { PostgresBuilds } from '../timelines/postgres-builds.ts';
import type { TimelineClaims } from '../timelines/timeline-claims.ts';
import type { Timelines } from '../timelines/timelines.ts';

/** What copies of timelines are made with. */
export interface CopyParts {
  readonly layout: HostLayout;
  readonly volume: Volume;
  readonly builds: PostgresBuilds;
  readonly sandbox: Sandbox;
  readonly timelines: Timelines;
  readonly claims: TimelineClaims;
  readonly histories: Histories;
  readonly loans: Loans;
  readonly walStores: WalStores;
  readonly knownHeads: KnownHeads;
  /** Recoveries that may be under way at once: each takes a processor and its memory. */
  readonly recoveries: Semaphore;
  /** Copies that may be made and dumped at once, for their definitions only. */
  readonly dumps: Semaphore;
  /** Analyses that may be under way at once, so that slow ones keep no definitions from being read. */
  readonly analyses: Semaphore;
  readonly log: Logger;
}
