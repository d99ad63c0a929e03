import { mkdir, realpath } from 'node:fs/promises';
import { waitUntil, TimeoutError } from '@pgfleet/kit';
import { runCommand } from '../command.ts';
import { VolumeError } from '../volume-error.ts';
import { imageFormats } from './image-format.ts';
import type { ImageFormat } from './image-format.ts';
import { attachLoopDevice, detachLoopDevice, loopDevicesOf } from './loop-device.ts';
import { findMount, mountHolders } from './mount-table.ts';

const defaultReleaseTimeoutMs = 10_000;
const releaseIntervalMs = 50;

export interface MountOptions {
  readonly image: string;
  readonly mountPoint: string;
  readonly format: ImageFormat;
  readonly signal?: AbortSignal | undefined;
  /** How long disposal waits for processes that are about to end; 10 s when left out. */
  readonly releaseTimeoutMs?: number;
}

/**
 * A file system image, mounted through a loop device.
 *
 * The mount outlives a killed process on purpose: computes that survive their host go on using it,
 * and the next `open` finds it. The loop device is detached as soon as it is mounted, which makes
 * the kernel release it together with the mount, whoever unmounts.
 */
export class MountedImage implements AsyncDisposable {
  readonly image: string;
  readonly mountPoint: string;
  /** Whether freed blocks find their way to the disk below without being trimmed. */
  readonly returnsSpaceItself: boolean;

  readonly #releaseTimeoutMs: number;

  private constructor({ image, mountPoint, format, releaseTimeoutMs }: MountOptions) {
    this.image = image;
    this.mountPoint = mountPoint;
    this.returnsSpaceItself = imageFormats[format].returnsSpaceItself;
    this.#releaseTimeoutMs = releaseTimeoutMs ?? defaultReleaseTimeoutMs;
  }

  /** Mounts an image, or takes over the mount that a predecessor left. */
  static async open(options: MountOptions): Promise<MountedImage> {
    const { image, format, signal } = options;
    await mkdir(options.mountPoint, { recursive: true, mode: 0o711 });
    const mounted = new MountedImage({
      ...options,
      mountPoint: await realpath(options.mountPoint),
    });
    if (await mounted.#isMounted()) return mounted;

    // Not cancelled in the middle: a killed losetup or mount may have done its work already.
    signal?.throwIfAborted();
    const device = await attachLoopDevice(image);
    try {
      const args = [
        '-t',
        format,
        '-o',
        imageFormats[format].mountOptions,
        device,
        mounted.mountPoint,
      ];
      await runCommand('mount', args);
    } finally {
      await detachLoopDevice(device);
    }
    return mounted;
  }

  /** Unmounts and waits until the loop device is gone. @throws VolumeError `busy` */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#unmount();
    await this.#awaitRelease();
  }

  async #isMounted(): Promise<boolean> {
    const mount = await findMount(this.mountPoint);
    if (!mount) return false;
    if ((await loopDevicesOf(this.image)).includes(mount.source)) return true;
    throw new VolumeError(
      'busy',
      `${mount.source} is mounted on ${this.mountPoint}, where ${this.image} belongs; unmount it`,
    );
  }

  async #unmount(): Promise<void> {
    let refusal: unknown;
    const unmounted = async () => {
      if (!(await findMount(this.mountPoint))) return true;
      try {
        await runCommand('umount', [this.mountPoint]);
        return true;
      } catch (error) {
        refusal = error;
        return false;
      }
    };
    await waitUntil(unmounted, {
      what: `${this.mountPoint} to be unmounted`,
      timeoutMs: this.#releaseTimeoutMs,
      intervalMs: releaseIntervalMs,
    }).catch(async (error: unknown) => {
      if (!(error instanceof TimeoutError)) throw error;
      throw await this.#stillUsed(refusal);
    });
  }

  async #awaitRelease(): Promise<void> {
    await waitUntil(async () => (await loopDevicesOf(this.image)).length === 0, {
      what: `the loop device of ${this.image} to go`,
      timeoutMs: this.#releaseTimeoutMs,
      intervalMs: releaseIntervalMs,
    }).catch((cause: unknown) => {
      if (!(cause instanceof TimeoutError)) throw cause;
      throw new VolumeError(
        'busy',
        `${this.mountPoint} is unmounted here, but a process in another mount namespace (a sandbox) still uses ${this.image}; its loop device goes when that process ends`,
        { cause },
      );
    });
  }

  async #stillUsed(cause: unknown): Promise<VolumeError> {
    const holders = await mountHolders(this.mountPoint);
    const users = holders.length > 0 ? holders.join(', ') : 'a process that could not be found';
    return new VolumeError(
      'busy',
      `${this.mountPoint} stays mounted: it is used by ${users}; stop it and unmount, or start pgfleet again, which takes the mount over`,
      { cause },
    );
  }
}
