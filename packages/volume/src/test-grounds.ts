import { tmpdir } from 'node:os';
import { findCandidates } from './choose-placement.ts';
import type { ImageFormat } from './image/image-format.ts';
import { probeImage } from './image/probe-image.ts';
import type { DriverName } from './volume.ts';

/** A driver on a file system, as far as this machine offers it. */
export interface Ground {
  readonly name: string;
  readonly driver: DriverName;
  /** A file system mounted for the test; without it the directory for temporary files is taken as it is. */
  readonly below?: ImageFormat;
  /** Why it cannot be tried here. */
  readonly obstacle?: string;
}

/** Every driver on every file system that it differs on. */
export async function findGrounds(): Promise<readonly Ground[]> {
  const [btrfs, reflink, copy] = await Promise.all(
    (['btrfs', 'reflink', 'copy'] as const).map(async (driver): Promise<Ground> => {
      const candidates = await findCandidates(tmpdir());
      const findings = candidates.filter((candidate) => candidate.driver === driver);
      const works = findings.some((finding) => finding.works);
      const obstacle = findings.map(({ reason }) => reason).join(', ');
      return { name: driver, driver, ...(!works && { obstacle }) };
    }),
  );
  const image = await probeImage(tmpdir(), 'btrfs');
  const onBtrfs = {
    name: 'reflink on btrfs',
    driver: 'reflink',
    below: 'btrfs',
    ...(!image.works && { obstacle: image.reason }),
  } as const;
  return [btrfs, reflink, onBtrfs, copy].filter((ground) => ground !== undefined);
}
