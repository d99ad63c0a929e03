import type { TimelineId } from '@pgfleet/contract';
import type { Volume } from '@pgfleet/volume';
import { WalStore } from './wal-store.ts';

/** The WAL stores of a host's timelines: one for each that was asked for since the start. */
export class WalStores {
  readonly #volume: Volume;
  readonly #stores = new Map<TimelineId, Promise<WalStore>>();

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  async of(timelineId: TimelineId): Promise<WalStore> {
    const opening = this.#stores.get(timelineId) ?? WalStore.open(this.#volume, timelineId);
    this.#stores.set(timelineId, opening);
    try {
      return await opening;
    } catch (error) {
      this.#stores.delete(timelineId);
      throw error;
    }
  }

  /** Forgets a timeline whose tree is being removed. */
  forget(timelineId: TimelineId): void {
    this.#stores.delete(timelineId);
  }
}
