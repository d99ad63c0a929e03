import type { Platform } from '@pgfleet/testkit';
import type { DataSize } from './data-size.ts';

/** What every benchmark gets. */
export interface BenchContext {
  readonly platform: Platform;
  readonly runs: number;
  /** Directory of the `postgres` and `initdb` that computes of the default major run. */
  readonly postgresBin: string;
  /** Sizes of the databases, for the benchmarks of history. */
  readonly sizes: readonly DataSize[];
  /** How far a restore goes back. */
  readonly ageSeconds: number;
}
