import { settingsRefused } from '@pgfleet/compute';
import type { EndpointId, EndpointSpec } from '@pgfleet/contract';

interface Refusal {
  readonly asked: string;
  readonly names: readonly string[];
  readonly atMs: number;
}

/** What kept Postgres from starting may be over by then: a want of memory, a library that was missing. */
const FORGOTTEN_AFTER_MS = 600_000;

/**
 * The settings that Postgres did not start with, by endpoint: its compute goes without what its tenant
 * chose, until that is something else, or a start some minutes later tries it again. Only in memory,
 * since a start finds it out again.
 */
export class RefusedSettings {
  readonly #refusals = new Map<EndpointId, Refusal>();

  /** `names` are those that Postgres complained of; none when it did not say. */
  note(spec: EndpointSpec, names: readonly string[]): void {
    this.#refusals.set(spec.endpointId, { asked: asked(spec), names, atMs: Date.now() });
  }

  forget(endpointId: EndpointId): void {
    this.#refusals.delete(endpointId);
  }

  /** For a start: what runs goes without them for as long as it runs. */
  forgetIfOld(endpointId: EndpointId): void {
    const { atMs = Infinity } = this.#refusals.get(endpointId) ?? {};
    if (Date.now() - atMs > FORGOTTEN_AFTER_MS) this.forget(endpointId);
  }

  has(spec: EndpointSpec): boolean {
    return this.#find(spec) !== undefined;
  }

  /** What to tell whoever chose them; `undefined` when nothing was refused. */
  messageFor(spec: EndpointSpec): string | undefined {
    const refusal = this.#find(spec);
    return refusal && settingsRefused(refusal.names).message;
  }

  #find(spec: EndpointSpec): Refusal | undefined {
    const refusal = this.#refusals.get(spec.endpointId);
    return refusal?.asked === asked(spec) ? refusal : undefined;
  }
}

/** An endpoint without anything that its tenant chose for Postgres. */
export function withoutChoices<T extends EndpointSpec>(spec: T): T {
  return { ...spec, pgSettings: {}, preloadLibraries: [] };
}

/** Whether its tenant chose anything. */
export function hasChoices({ pgSettings, preloadLibraries = [] }: EndpointSpec): boolean {
  return Object.keys(pgSettings).length > 0 || preloadLibraries.length > 0;
}

function asked({ pgSettings, preloadLibraries = [] }: EndpointSpec): string {
  return JSON.stringify([pgSettings, preloadLibraries]);
}
