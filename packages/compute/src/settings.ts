/** Postgres settings by name, as they stand on the right of `name=value`. */
export type PostgresSettings = Readonly<Record<string, string>>;

export interface SizeAndSwitches {
  readonly major: number;
  readonly minCu: number;
  readonly maxCu: number;
  readonly logicalReplication?: boolean;
  /** `archive_mode=on` with an empty command: WAL waits as `.ready` until the host keeps it. */
  readonly archive?: boolean;
  /** The tenant's own settings; they come last but never replace what pgfleet relies on. */
  readonly tenant?: PostgresSettings;
}

/** Sizes an instance for its compute units. */
export function settingsFor(_size: SizeAndSwitches): PostgresSettings {
  throw new Error('not yet');
}

/** `max_connections` for an endpoint's range of compute units (Neon's published figures). */
export function maxConnectionsFor(_cu: { readonly minCu: number; readonly maxCu: number }): number {
  throw new Error('not yet');
}
