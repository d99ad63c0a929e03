import { access, mkdir, realpath, rm } from 'node:fs/promises';
import { FileLock } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import { btrfsDriver } from './btrfs/driver.ts';
import { choosePlacement, findCandidates, probePlacement } from './choose-placement.ts';
import { copyDriver } from './copy/driver.ts';
import { makeImage } from './image/make-image.ts';
import type { ImageFormat } from './image/image-format.ts';
import { MountedImage } from './image/mounted-image.ts';
import { imageSizeFor } from './image/probe-image.ts';
import { volumeLayout } from './layout.ts';
import { readPlacement, writePlacement } from './placement.ts';
import type { Placement } from './placement.ts';
import { adviceFor } from './probe-volume.ts';
import { reflinkDriver } from './reflink/driver.ts';
import { holdsDirectories } from './trees/tree-directory.js';
import { TreeVolume } from './tree-volume.ts';
import { TreeWorkers } from './trees/tree-workers.ts';
import type { DriverName, Volume } from './volume.ts';
import { VolumeError } from './volume-error.ts';

const drivers = { btrfs: btrfsDriver, reflink: reflinkDriver, copy: copyDriver } as const;

export interface OpenVolumeOptions {
  /** Created when absent. Holds the volume, its image and lock, and nothing of anybody else. */
  readonly directory: string;
  /**
   * `auto`: btrfs when the directory is on it, else reflink when files can be cloned there, else an
   * XFS image mounted in the directory when that is possible, else copy.
   */
  readonly driver: DriverName | 'auto';
  readonly log: Logger;
  readonly signal?: AbortSignal;
  /** Size of an image, should one be made; nine tenths of the free space when left out. */
  readonly imageBytes?: number;
}

/**
 * Opens the volume in a directory, creating it the first time.
 *
 * A volume keeps the driver it was created with. What a killed predecessor left is put right: its
 * mount is taken over, its half-made trees and images are deleted.
 *
 * @throws VolumeError `driver_unavailable` when the driver asked for cannot work or the volume was
 * created with another one; `busy` when another process has it open.
 */
export async function openVolume(options: OpenVolumeOptions): Promise<Volume> {
  await mkdir(options.directory, { recursive: true, mode: 0o711 });
  const directory = await realpath(options.directory);
  const lock = FileLock.tryAcquire(volumeLayout(directory).lock);
  if (!lock) throw new VolumeError('busy', `another process has the volume in ${directory} open`);
  try {
    return await openLocked({ ...options, directory }, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openLocked(options: OpenVolumeOptions, lock: FileLock): Promise<Volume> {
  const { root, record } = volumeLayout(options.directory);
  const recorded = await readPlacement(record);
  const { placement, image } = recorded
    ? await openRecorded(options, recorded)
    : await openNew(options);
  if (!recorded) await writePlacement(record, placement);

  if (!holdsDirectories) {
    options.log.warn(
      {},
      'without /proc clones and removals of trees are not proof against owners that swap directories for links meanwhile',
    );
  }
  const workers = new TreeWorkers();
  const driver = drivers[placement.driver](workers);
  return TreeVolume.open({ root, driver, workers, image, lock, log: options.log });
}

interface Opened {
  readonly placement: Placement;
  readonly image: MountedImage | undefined;
}

async function openRecorded(options: OpenVolumeOptions, recorded: Placement): Promise<Opened> {
  const { directory, driver } = options;
  if (driver !== 'auto' && driver !== recorded.driver) {
    throw new VolumeError(
      'driver_unavailable',
      `the volume in ${directory} was created with the driver ${recorded.driver} and cannot become ${driver}; use another directory`,
    );
  }
  const candidate = await probePlacement(directory, recorded);
  if (!candidate.works) {
    const kind = recorded.image ? `${recorded.image} image` : `${recorded.driver} driver`;
    throw new VolumeError(
      'driver_unavailable',
      `the volume in ${directory} was created with the ${kind}, but now ${candidate.reason}`,
    );
  }
  return { placement: recorded, image: await openRecordedImage(options, recorded) };
}

async function openRecordedImage(
  options: OpenVolumeOptions,
  { image: format }: Placement,
): Promise<MountedImage | undefined> {
  if (!format) return undefined;
  const path = volumeLayout(options.directory).image(format);
  await access(path).catch((cause: unknown) => {
    throw new VolumeError(
      'driver_unavailable',
      `${path} is missing, and with it every tree of this volume`,
      {
        cause,
      },
    );
  });
  return mountImage(options, format);
}

async function openNew(options: OpenVolumeOptions): Promise<Opened> {
  const { directory, driver, log } = options;
  const candidates = await findCandidates(directory);
  const chosen = choosePlacement(candidates, driver);
  const place = { driver: chosen.driver, ...(chosen.image && { image: chosen.image }) };
  try {
    const opened = await openPlaced(options, place);
    const advice = adviceFor(place, candidates);
    const level = place.driver === 'copy' && driver === 'auto' ? 'warn' : 'info';
    log[level]({ ...place, reason: chosen.reason, advice }, 'volume created');
    return opened;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (driver !== 'auto' || !chosen.image) throw error;
    const advice = adviceFor({ driver: 'copy' }, candidates);
    log.warn({ err: error, advice }, 'no image could be mounted, so the volume copies every byte');
    return openPlaced(options, { driver: 'copy' });
  }
}

async function openPlaced(options: OpenVolumeOptions, placement: Placement): Promise<Opened> {
  const { image: format } = placement;
  if (!format) return { placement, image: undefined };
  const { directory, signal } = options;
  const path = volumeLayout(directory).image(format);
  // Nothing was ever in an image without a record: the crash came between its making and the record.
  await rm(path, { force: true });
  const sizeBytes = options.imageBytes ?? (await imageSizeFor(directory));
  await makeImage({ path, format, sizeBytes, signal });
  try {
    return { placement, image: await mountImage(options, format) };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

function mountImage(
  { directory, signal }: OpenVolumeOptions,
  format: ImageFormat,
): Promise<MountedImage> {
  const { root, image } = volumeLayout(directory);
  return MountedImage.open({ image: image(format), mountPoint: root, format, signal });
}
