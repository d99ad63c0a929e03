import { probeBtrfs } from './btrfs/probe.ts';
import { probeCopy } from './copy/probe.ts';
import { probeImage } from './image/probe-image.ts';
import type { Placement } from './placement.ts';
import { probeReflink } from './reflink/probe.ts';
import type { Finding } from './tree-driver.ts';
import type { DriverName } from './volume.ts';
import { VolumeError } from './volume-error.ts';

/** A placement that was considered, and what was found out about it. */
export type Candidate = Placement & Finding;

const placements: readonly Placement[] = [
  { driver: 'btrfs' },
  { driver: 'reflink' },
  { driver: 'reflink', image: 'xfs' },
  { driver: 'btrfs', image: 'btrfs' },
  { driver: 'copy' },
];

const probes = { btrfs: probeBtrfs, reflink: probeReflink, copy: probeCopy } as const;

// A btrfs image is only for who asks for it: its commit rate is half that of XFS.
const automatic = placements.filter(({ image }) => image !== 'btrfs');

/** Looks at every placement that could be chosen in a directory, best first. */
export function findCandidates(directory: string): Promise<Candidate[]> {
  return Promise.all(placements.map((placement) => probePlacement(directory, placement)));
}

/** Says whether a placement works in a directory. */
export async function probePlacement(directory: string, placement: Placement): Promise<Candidate> {
  const { driver, image } = placement;
  const finding = image ? probeImage(directory, image) : probes[driver](directory);
  return { ...placement, ...(await finding) };
}

/**
 * Picks the placement of a new volume.
 *
 * @throws VolumeError `driver_unavailable` when the driver that was asked for cannot work.
 */
export function choosePlacement(
  candidates: readonly Candidate[],
  driver: DriverName | 'auto',
): Candidate {
  const wanted = candidates.filter((candidate) =>
    driver === 'auto' ? automatic.some(same(candidate)) : candidate.driver === driver,
  );
  const chosen = wanted.find(({ works }) => works);
  if (chosen) return chosen;
  const reasons = wanted.map(({ reason }) => reason).join(', and ');
  throw new VolumeError(
    'driver_unavailable',
    `the volume driver ${driver} cannot work: ${reasons}`,
  );
}

function same(left: Placement) {
  return (right: Placement) => left.driver === right.driver && left.image === right.image;
}
