import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, waitUntil } from '@pgfleet/kit';
import { runCommand } from './command.ts';
import { makeImage } from './image/make-image.ts';
import { MountedImage } from './image/mounted-image.ts';
import { rootLayout } from './layout.ts';
import { openVolume } from './open-volume.ts';
import type { Ground } from './test-grounds.ts';
import type { DriverName, Volume } from './volume.ts';

// Large enough for no volume to be nearly full; sparse, so it costs what is written.
const roomyBytes = 4 * 2 ** 30;

/** The smallest image that mkfs.xfs accepts. */
export const smallestBytes = 320 * 2 ** 20;

/** A directory for a test; disposing removes it and fails when a mount or loop device is left. */
export class TestDirectory implements AsyncDisposable {
  readonly path: string;
  readonly #top: string;
  readonly #disk: MountedImage | undefined;

  private constructor(top: string, disk: MountedImage | undefined) {
    this.#top = top;
    this.#disk = disk;
    this.path = disk ? join(disk.mountPoint, 'data') : top;
  }

  /** Makes a directory, on a file system of its own if the ground is one. */
  static async create(
    { below }: Partial<Ground> = {},
    imageBytes = roomyBytes,
  ): Promise<TestDirectory> {
    const top = await mkdtemp(join(tmpdir(), 'pgfleet-volume-'));
    if (!below) return new TestDirectory(top, undefined);
    const image = join(top, 'disk.img');
    await makeImage({ path: image, format: below, sizeBytes: imageBytes });
    const mountPoint = join(top, 'disk');
    const directory = new TestDirectory(
      top,
      await MountedImage.open({ image, mountPoint, format: below }),
    );
    await mkdir(directory.path);
    return directory;
  }

  /** Opens the volume of this directory. */
  open(driver: DriverName | 'auto'): Promise<Volume> {
    return openVolume({
      directory: this.path,
      driver,
      log: silentLogger(),
      imageBytes: roomyBytes,
    });
  }

  /** Lists mounts and loop devices that belong to this directory. */
  async leaks(): Promise<string[]> {
    const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
    const loops = await runCommand('losetup', ['--list', '--noheadings']).catch(() => '');
    return `${mounts}${loops}`.split('\n').filter((line) => line.includes(this.path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const leaks = await this.leaks();
    await this.#disk?.[Symbol.asyncDispose]();
    if (leaks.length > 0) throw new Error(`left behind: ${leaks.join('\n')}`);
    await rm(this.#top, { recursive: true });
  }
}

/** A volume in a directory of its own, both gone at the end of the test's scope. */
export class TestVolume implements AsyncDisposable {
  readonly directory: TestDirectory;
  volume: Volume;

  private constructor(directory: TestDirectory, volume: Volume) {
    this.directory = directory;
    this.volume = volume;
  }

  static async open(ground: Pick<Ground, 'driver' | 'below'>): Promise<TestVolume> {
    const directory = await TestDirectory.create(ground);
    return new TestVolume(directory, await directory.open(ground.driver));
  }

  /** Closes the volume and opens it again, as a restarted process would. */
  async reopen(): Promise<Volume> {
    await this.volume[Symbol.asyncDispose]();
    this.volume = await this.directory.open('auto');
    return this.volume;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.volume[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

/** A small file system of its own for a volume that has to run full. */
export async function mountTmpfs(path: string, sizeBytes: number): Promise<AsyncDisposable> {
  await mkdir(path, { recursive: true });
  await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path]);
  return { [Symbol.asyncDispose]: async () => void (await runCommand('umount', [path])) };
}

/** Names under which trees are being built or deleted. */
export async function unpublished(volume: Volume): Promise<string[]> {
  const { incoming, trash } = rootLayout(volume.root);
  return [...(await readdir(incoming)), ...(await readdir(trash))];
}

/** Waits until what was removed, or left by a crash, is gone. */
export async function swept(volume: Volume): Promise<void> {
  await waitUntil(async () => (await unpublished(volume)).length === 0, {
    what: 'leftovers to be deleted',
    timeoutMs: 30_000,
  });
}
