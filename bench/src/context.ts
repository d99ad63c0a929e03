import type { Platform } from '@pgfleet/testkit';

/** What every benchmark gets. */
export interface BenchContext {
  readonly platform: Platform;
  readonly runs: number;
  /** Directory of the `postgres` and `initdb` that computes of the default major run. */
  readonly postgresBin: string;
}
