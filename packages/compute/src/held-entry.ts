import type { HeldDirectory } from './held-directory.ts';

/** An entry of a directory that is held while the entry is used. */
export class HeldEntry implements Disposable {
  readonly parent: HeldDirectory;
  readonly leaf: string;
  readonly #opened: HeldDirectory[] = [];

  constructor(root: HeldDirectory, components: readonly string[]) {
    this.leaf = components.at(-1)!;
    let parent = root;
    try {
      for (const component of components.slice(0, -1)) {
        parent = parent.child(component);
        this.#opened.push(parent);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    this.parent = parent;
  }

  get path(): string {
    return this.parent.path(this.leaf);
  }

  [Symbol.dispose](): void {
    for (const directory of this.#opened) directory[Symbol.dispose]();
  }
}
