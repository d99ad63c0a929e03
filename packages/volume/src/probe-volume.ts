import { access } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { choosePlacement, findCandidates } from './choose-placement.ts';
import type { Candidate } from './choose-placement.ts';
import { volumeLayout } from './layout.ts';
import { readPlacement } from './placement.ts';
import type { Placement } from './placement.ts';
import type { DriverName } from './volume.ts';

/** What a volume in a directory is, or would be with the driver `auto`. */
export interface VolumeProbe extends Placement {
  readonly copyOnWrite: boolean;
  /** Whether a volume exists already; its placement is then the one it was created with. */
  readonly exists: boolean;
  readonly reason: string;
  /** What somebody could do for a better volume; empty when there is nothing to gain. */
  readonly advice: readonly string[];
  readonly candidates: readonly Candidate[];
}

/**
 * Finds out what `openVolume` with the driver `auto` would use in a directory, which need not exist
 * yet. Changes nothing; whether an image can be mounted is judged by what is installed and allowed.
 */
export async function probeVolume({
  directory,
}: {
  readonly directory: string;
}): Promise<VolumeProbe> {
  const candidates = await findCandidates(await nearestExisting(resolve(directory)));
  const recorded = await readPlacement(volumeLayout(directory).record);
  const best = choosePlacement(candidates, 'auto');
  const placement = recorded ?? best;
  return {
    driver: placement.driver,
    ...(placement.image && { image: placement.image }),
    copyOnWrite: placement.driver !== 'copy',
    exists: recorded !== undefined,
    reason: recorded ? 'the volume was created with it' : best.reason,
    advice: adviceFor(placement, candidates),
    candidates,
  };
}

/** Says how a volume with this placement could become better. */
export function adviceFor(
  { driver, image }: Placement,
  candidates: readonly Candidate[],
): readonly string[] {
  if (image) {
    return [
      'the volume is an image on another file system: for full speed put the data directory on XFS or btrfs',
    ];
  }
  if (driver !== 'copy') return [];
  const better = candidates.find((candidate) => candidate.works && isShared(candidate.driver));
  const obstacle = candidates.find((candidate) => candidate.image === 'xfs' && !candidate.works);
  return [
    'every branch copies all of its bytes: put the data directory on XFS (reflink=1) or btrfs',
    ...(better ? [`a new data directory here would get ${better.driver}`] : []),
    ...(obstacle ? [`an XFS image is not possible: ${obstacle.reason}`] : []),
  ];
}

function isShared(driver: DriverName): boolean {
  return driver !== 'copy';
}

async function nearestExisting(path: string): Promise<string> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  return exists || dirname(path) === path ? path : nearestExisting(dirname(path));
}
