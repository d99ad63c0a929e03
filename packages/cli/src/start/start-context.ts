import type { Logger } from '@pgfleet/kit';
import type { PlatformConfig } from '../config.ts';
import type { PlatformPaths } from '../platform-paths.ts';
import type { ProcessRecords } from '../supervise/process-records.ts';

/** What every start file needs to describe its process. */
export interface StartContext {
  readonly config: PlatformConfig;
  readonly paths: PlatformPaths;
  readonly records: ProcessRecords;
  readonly log: Logger;
  /** The environment that `up` was started with. */
  readonly env: NodeJS.ProcessEnv;
}
