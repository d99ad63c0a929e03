import { randomText, sleep } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import type { Volume } from '@pgfleet/volume';
import { requireRoom, ROOM_FOR_OTHERS_BYTES } from '../storage/require-room.ts';
import { ownerOf } from './owner.ts';
import type { ReadyTemplate, Templates } from './templates.ts';
import type { UidCounter } from './uid-counter.ts';

const TREE_PREFIX = 'spare-';
// Cloning keeps the disk and a core busy: wait until a burst of creations is over.
const QUIET_MS = 250;
const AFTER_FAILURE_MS = 30_000;

/** A clone of a template that nobody uses yet, owned by a user that never existed before. */
export interface SpareClone {
  readonly tree: string;
  readonly uid: number | null;
  readonly template: ReadyTemplate;
}

export interface SpareClonesOptions {
  readonly volume: Volume;
  readonly templates: Templates;
  readonly uids: UidCounter;
  /** How many to keep per major version; 0 keeps none. */
  readonly target: number;
  readonly log: Logger;
}

/**
 * A few clones made ahead of need, so that creating a timeline is a rename.
 *
 * Only versions that were asked for are stocked. The stock is forgotten when the process ends and
 * deleted at the next start.
 */
export class SpareClones implements AsyncDisposable {
  readonly #options: SpareClonesOptions;
  readonly #stock = new Map<number, SpareClone[]>();
  readonly #closing = new AbortController();
  #lastTakeMs = Number.NEGATIVE_INFINITY;
  #refilling: Promise<void> | undefined;

  private constructor(options: SpareClonesOptions) {
    this.#options = options;
  }

  static async open(options: SpareClonesOptions): Promise<SpareClones> {
    const trees = await options.volume.list();
    const old = trees.filter((tree) => tree.startsWith(TREE_PREFIX));
    await Promise.all(old.map((tree) => options.volume.remove(tree)));
    return new SpareClones(options);
  }

  /** Hands out a spare, if there is one, and sees to it that there will be more. */
  take(major: number): SpareClone | undefined {
    this.#lastTakeMs = performance.now();
    const spare = this.#stock.get(major)?.pop();
    this.stock(major);
    return spare;
  }

  /** Fills the stock of a version in the background. */
  stock(major: number): void {
    if (!this.#stock.has(major)) this.#stock.set(major, []);
    if (this.#closing.signal.aborted) return;
    this.#refilling ??= this.#refill().finally(() => {
      this.#refilling = undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#refilling;
  }

  async #refill(): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      try {
        await this.#waitForQuiet(signal);
        const major = this.#firstShort();
        if (major === undefined) return;
        this.#stock.get(major)?.push(await this.#clone(major, signal));
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warn({ err: error }, 'spare clone could not be made');
        await sleep(AFTER_FAILURE_MS, signal).catch(() => undefined);
      }
    }
  }

  async #waitForQuiet(signal: AbortSignal): Promise<void> {
    for (;;) {
      const rest = this.#lastTakeMs + QUIET_MS - performance.now();
      if (rest <= 0) return;
      await sleep(rest, signal);
    }
  }

  #firstShort(): number | undefined {
    const { target } = this.#options;
    return [...this.#stock].find(([, spares]) => spares.length < target)?.[0];
  }

  async #clone(major: number, signal: AbortSignal): Promise<SpareClone> {
    const { volume, templates, uids } = this.#options;
    await requireRoom(volume, { reservedBytes: ROOM_FOR_OTHERS_BYTES, signal });
    const template = await templates.ensure(major);
    const tree = `${TREE_PREFIX}${major}-${randomText(10, 'abcdefghijkmnpqrstuvwxyz')}`;
    const uid = process.geteuid?.() === 0 ? uids.next() : null;
    await volume.clone(template.tree, tree, { ...ownerOf(uid), signal });
    return { tree, uid, template };
  }
}
