import type { InstallationView } from './installation-view.ts';
import type { Owner } from './owner.ts';
import type { Sandbox } from './sandbox.ts';

export interface CreateTemplateOptions {
  readonly view: InstallationView;
  readonly sandbox: Sandbox;
  /** Becomes the data directory; must be absent or empty. Emptied again when creation fails. */
  readonly directory: string;
  /** Who owns the files; required when root, ignored otherwise. */
  readonly owner?: Owner;
  readonly signal?: AbortSignal;
}

/** A prepared cluster at rest, synced, ready to be cloned. */
export interface Template {
  readonly major: number;
  /** `cloud_admin`'s secret in every fresh clone, until `applySpec` replaces it. */
  readonly adminSecret: string;
}

/** Makes a cluster with pgfleet's roles and `neondb` in it and leaves it cleanly stopped. */
export function createTemplate(_options: CreateTemplateOptions): Promise<Template> {
  throw new Error('not yet');
}
