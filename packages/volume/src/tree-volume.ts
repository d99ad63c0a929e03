import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasErrorCode } from '@pgfleet/kit';
import type { FileLock, Logger } from '@pgfleet/kit';
import { directoryExists } from './directory-exists.ts';
import type { MountedImage } from './image/mounted-image.ts';
import { trimImage } from './image/trim-image.ts';
import { InFlight } from './in-flight.ts';
import { rootLayout } from './layout.ts';
import type { RootLayout } from './layout.ts';
import { Removals } from './removals.ts';
import type { TreeDriver } from './tree-driver.ts';
import { assertTreeName, isTreeName } from './tree-name.ts';
import type { TreeWorkers } from './trees/tree-workers.ts';
import { Turns } from './turns.ts';
import type {
  Clone,
  ClonedContent,
  CloneOptions,
  CreateOptions,
  Defragmentation,
  DefragmentOptions,
  TreeUsage,
  UsageOptions,
  Volume,
  VolumeUsage,
} from './volume.ts';
import { isFull, namedFailure, VolumeError } from './volume-error.ts';

// With less free than this whoever removes a tree waits for its space: who comes next may need it.
const NEARLY_FULL_BYTES = 2 ** 30;

export interface TreeVolumeParts {
  readonly root: string;
  readonly driver: TreeDriver;
  readonly workers: TreeWorkers;
  readonly image: MountedImage | undefined;
  readonly lock: FileLock;
  readonly log: Logger;
}

interface Building {
  readonly tree: string;
  readonly doing: string;
  readonly signal?: AbortSignal | undefined;
  readonly work: (path: string, signal: AbortSignal) => Promise<void>;
}

interface BuildingOnce extends Building {
  readonly target: string;
  readonly signal: AbortSignal;
}

/**
 * A volume over any driver. Owns the namespace (trees, half-built and half-deleted ones), what runs
 * in it, and the order in which it is closed.
 */
export class TreeVolume implements Volume {
  readonly root: string;
  readonly #parts: TreeVolumeParts;
  readonly #places: RootLayout;
  readonly #claimed = new Set<string>();
  readonly #inFlight = new InFlight();
  #trim: Promise<void> | undefined;
  readonly #defragmentations = new Turns();
  readonly #removals: Removals;

  private constructor(parts: TreeVolumeParts) {
    this.root = parts.root;
    this.#parts = parts;
    this.#places = rootLayout(parts.root);
    this.#removals = new Removals({ ...parts, inFlight: this.#inFlight });
  }

  /** Takes over everything in `parts`, also when it throws, and deletes what a crash left. */
  static async open(parts: TreeVolumeParts): Promise<TreeVolume> {
    const volume = new TreeVolume(parts);
    try {
      await makePlaces(volume.root, volume.#places);
      await volume.#sweep();
      return volume;
    } catch (error) {
      await volume[Symbol.asyncDispose]();
      throw error;
    }
  }

  get driver() {
    return this.#parts.driver.name;
  }

  get copyOnWrite() {
    return this.#parts.driver.copyOnWrite;
  }

  get atomicWhileRunning() {
    return this.#parts.driver.atomicWhileRunning;
  }

  path(tree: string): string {
    assertTreeName(tree);
    return join(this.#places.trees, tree);
  }

  exists(tree: string): Promise<boolean> {
    return directoryExists(this.path(tree));
  }

  async list(): Promise<readonly string[]> {
    return (await readdir(this.#places.trees)).filter(isTreeName).sort();
  }

  async create(tree: string, { owner }: CreateOptions = {}): Promise<string> {
    return this.#build({
      tree,
      doing: `create the tree ${tree}`,
      work: async (path) => {
        await this.#parts.driver.create(path);
        if (owner && process.geteuid?.() === 0) await chown(path, owner.uid, owner.gid);
      },
    });
  }

  async clone(from: string, to: string, options: CloneOptions = {}): Promise<Clone> {
    const source = this.path(from);
    const { owner, inUse = false, exclude = [] } = options;
    const deep = exclude.find((name) => !isEntryName(name));
    if (deep !== undefined) throw new TypeError(`${deep} is not an entry at the top of a tree`);
    let content: ClonedContent | undefined;
    const path = await this.#build({
      tree: to,
      doing: `clone the tree ${from} as ${to}`,
      signal: options.signal,
      work: async (target, signal) => {
        await this.#assertPresent(from);
        const request = { source, target, owner, inUse, exclude, signal };
        content = await this.#parts.driver.clone(request);
      },
    });
    return { path, content };
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.path(from);
    await this.#claim(to, async (target) => {
      await this.#assertPresent(from);
      await rename(source, target);
    });
  }

  async remove(tree: string): Promise<void> {
    const path = this.path(tree);
    const trash = uniquePath(this.#places.trash, tree);
    const { driver } = this.#parts;
    await this.#inFlight.run(async () => {
      try {
        await rename(path, trash);
      } catch (error) {
        if (hasErrorCode(error, 'ENOENT')) return;
        // A full btrfs refuses the rename, but not the deletion that would end its being full.
        if (!hasErrorCode(error, 'ENOSPC') || !driver.removesAtOnce) throw error;
        await driver.remove(path);
        return;
      }
      const emptied = this.#removals.remove(trash);
      if (await this.#isNearlyFull()) await emptied;
    });
  }

  async sync(tree: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const path = this.path(tree);
    await this.#inFlight.run(async (operationSignal) => {
      await this.#assertPresent(tree);
      await this.#parts.driver.sync(path, operationSignal);
    }, signal);
  }

  async usage({ wantedBytes = 0, signal }: UsageOptions = {}): Promise<VolumeUsage> {
    const usage = await this.#measure();
    if (usage.freeBytes >= wantedBytes) return usage;
    const hasMore = await this.#inFlight.run((either) => this.#removals.settle(either), signal);
    return hasMore ? this.#measure() : usage;
  }

  async #measure(): Promise<VolumeUsage> {
    const own = await statfs(this.root);
    const below = this.#parts.image && (await statfs(dirname(this.#parts.image.image)));
    // An image is sparse: it can run out of disk below long before it is full itself.
    const belowBytes = below ? below.bavail * below.bsize : Number.POSITIVE_INFINITY;
    return {
      totalBytes: own.blocks * own.bsize,
      freeBytes: Math.min(own.bavail * own.bsize, belowBytes),
    };
  }

  async treeUsage(tree: string): Promise<TreeUsage> {
    const path = this.path(tree);
    return this.#inFlight.run(async (signal) => {
      await this.#assertPresent(tree);
      return this.#parts.workers.run({ kind: 'measure', path }, signal);
    });
  }

  async defragment(tree: string, options: DefragmentOptions): Promise<Defragmentation> {
    const path = this.path(tree);
    const { maxBytes } = options;
    const work = async (signal: AbortSignal) => {
      await this.#assertPresent(tree);
      const { defragment } = this.#parts.driver;
      if (!defragment) return { extents: 0, rewrittenBytes: 0, scatteredBytes: 0 };
      const scratch = this.#places.incoming;
      return defragment({ path, scratch, maxBytes, signal }).catch((error: unknown) => {
        throw namedFailure(error, `defragment the tree ${tree}`);
      });
    };
    // More at once would take the workers away from clones.
    return this.#inFlight.run(
      (signal) => this.#defragmentations.run(() => work(signal), signal),
      options.signal,
    );
  }

  async trim(): Promise<void> {
    const { image } = this.#parts;
    if (!image || image.returnsSpaceItself) return;
    // Who asks while it is under way gets that one.
    this.#trim ??= this.#inFlight
      .run((signal) => trimImage(image, signal))
      .finally(() => (this.#trim = undefined));
    await this.#trim;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inFlight.close(new VolumeError('closed', 'the volume is closed'));
    const { workers, image, lock } = this.#parts;
    try {
      await workers[Symbol.asyncDispose]();
      await image?.[Symbol.asyncDispose]();
    } finally {
      lock.release();
    }
  }

  /**
   * Lets `work` make a tree where nobody sees it, then gives it its name. What there is no room for while
   * removed trees are being taken apart is tried once more when they are.
   */
  #build({ tree, signal, ...building }: Building): Promise<string> {
    return this.#claim(tree, async (target) => {
      await this.#inFlight.run(async (operationSignal) => {
        const build = () => this.#buildOnce({ ...building, tree, target, signal: operationSignal });
        try {
          await build();
        } catch (error) {
          if (!isFull(error) || !(await this.#removals.settle(operationSignal))) throw error;
          await build();
        }
      }, signal);
      return target;
    });
  }

  async #buildOnce({ tree, target, doing, signal, work }: BuildingOnce): Promise<void> {
    const incoming = uniquePath(this.#places.incoming, tree);
    try {
      await work(incoming, signal);
      signal.throwIfAborted();
      await rename(incoming, target);
    } catch (error) {
      await this.#removals.removeAtOnce(incoming);
      throw namedFailure(error, doing);
    }
  }

  /** Keeps a free name for the time of `work`: rename(2) alone would replace an empty directory. */
  async #claim<T>(tree: string, work: (target: string) => Promise<T>): Promise<T> {
    const target = this.path(tree);
    const taken = () => new VolumeError('tree_exists', `there is a tree ${tree} already`);
    if (this.#claimed.has(tree)) throw taken();
    this.#claimed.add(tree);
    try {
      if (await directoryExists(target)) throw taken();
      return await work(target);
    } finally {
      this.#claimed.delete(tree);
    }
  }

  async #assertPresent(tree: string): Promise<void> {
    if (await this.exists(tree)) return;
    throw new VolumeError('tree_missing', `there is no tree ${tree}`);
  }

  async #sweep(): Promise<void> {
    const { incoming, trash } = this.#places;
    const leftovers = [...(await entries(incoming)), ...(await entries(trash))];
    if (leftovers.length > 0) void this.#sweepOut(leftovers);
  }

  async #sweepOut(leftovers: readonly string[]): Promise<void> {
    const gone = await Promise.all(leftovers.map((path) => this.#removals.remove(path)));
    if (this.#inFlight.isClosed) return;
    const count = gone.filter(Boolean).length;
    this.#parts.log.info({ count }, 'leftovers deleted');
  }

  async #isNearlyFull(): Promise<boolean> {
    return (await this.#measure()).freeBytes < NEARLY_FULL_BYTES;
  }
}

async function makePlaces(root: string, { trees, incoming, trash }: RootLayout): Promise<void> {
  // Postgres runs under uids of its own and must reach its tree, but see no other's name. The modes
  // are set apart from mkdir, which would subtract the umask.
  const modes = { [root]: 0o711, [trees]: 0o711, [incoming]: 0o700, [trash]: 0o700 };
  for (const [path, mode] of Object.entries(modes)) {
    await mkdir(path, { recursive: true });
    await chmod(path, mode);
  }
}

async function entries(directory: string): Promise<string[]> {
  return (await readdir(directory)).map((name) => join(directory, name));
}

function isEntryName(name: string): boolean {
  return /^[\w.-]+$/.test(name) && name !== '.' && name !== '..';
}

function uniquePath(directory: string, tree: string): string {
  return join(directory, `${tree}.${randomBytes(6).toString('hex')}`);
}
