import type { HostId } from '@pgfleet/contract';
import type { Logger, SecretBox } from '@pgfleet/kit';
import type { DriverName } from '@pgfleet/volume';

/** What a host is made from. */
export interface HostOptions {
  readonly hostId: HostId;
  readonly regionId: string;
  /** Everything the host keeps. */
  readonly hostDir: string;
  /** Sockets of computes go below; short, since the address of a socket is. */
  readonly runDir: string;
  /** Where to serve: `unix:/path` or `http://address:port`. */
  readonly address: string;
  readonly token: string;
  readonly secrets: SecretBox;
  /** Shared by all hosts of a machine, so that no two projects ever have the same user. */
  readonly uidFile: string;
  /** Where control listens; a host without one reports to nobody. */
  readonly controlAddress?: string;
  /** `auto` when left out. */
  readonly volume?: DriverName | 'auto';
  /** Clones of a template kept ahead of need; 4 when left out. */
  readonly spareClones?: number;
  /** How long a caller waits for a start; 55,000 when left out. */
  readonly startTimeoutMs?: number;
  readonly log: Logger;
}
