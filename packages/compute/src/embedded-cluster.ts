import type { Logger } from '@pgfleet/kit';
import type { InstallationView } from './installation-view.ts';
import type { Owner } from './owner.ts';
import type { Sandbox } from './sandbox.ts';
import type { PostgresSettings } from './settings.ts';

export interface EmbeddedClusterOptions {
  readonly view: InstallationView;
  readonly sandbox: Sandbox;
  /** Holds everything: `data`, `run`, the lock, the secret and the log. */
  readonly directory: string;
  /** Where the socket goes; `<directory>/run` when left out. */
  readonly socketDirectory?: string;
  readonly owner?: Owner;
  readonly settings?: PostgresSettings;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
}

/** What `pg` needs to log in. */
export interface ConnectionConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** pgfleet's own Postgres: initialised if absent, started or adopted, stopped on request. */
export class EmbeddedCluster {
  readonly connection: ConnectionConfig;
  /** Resolves when the cluster is gone, wanted or not. */
  readonly exited: Promise<unknown>;

  private constructor(connection: ConnectionConfig, exited: Promise<unknown>) {
    this.connection = connection;
    this.exited = exited;
  }

  static open(_options: EmbeddedClusterOptions): Promise<EmbeddedCluster> {
    throw new Error('not yet');
  }

  stop(): Promise<void> {
    throw new Error('not yet');
  }
}
