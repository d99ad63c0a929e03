import { describe, expect, it } from 'vitest';
import { choosePlacement } from './choose-placement.ts';
import type { Candidate } from './choose-placement.ts';

/** Candidates of which those named work. */
function candidates(...working: readonly string[]): Candidate[] {
  const all = [
    { name: 'btrfs', driver: 'btrfs' },
    { name: 'reflink', driver: 'reflink' },
    { name: 'xfs image', driver: 'reflink', image: 'xfs' },
    { name: 'btrfs image', driver: 'btrfs', image: 'btrfs' },
    { name: 'copy', driver: 'copy' },
  ] as const;
  return all.map(({ name, ...placement }) =>
    Object.assign(placement, { works: working.includes(name), reason: `${name}: reason` }),
  );
}

describe('the automatic choice of a placement', () => {
  it('prefers what the directory can do, snapshots before file clones', () => {
    const all = candidates('btrfs', 'reflink', 'xfs image', 'btrfs image', 'copy');
    expect(choosePlacement(all, 'auto')).toMatchObject({ driver: 'btrfs' });
    const xfs = choosePlacement(candidates('reflink', 'xfs image', 'copy'), 'auto');
    expect(xfs).toMatchObject({ driver: 'reflink' });
    expect(xfs.image).toBeUndefined();
  });

  it('mounts an XFS image where files cannot be cloned, never a btrfs image', () => {
    const root = candidates('xfs image', 'btrfs image', 'copy');
    expect(choosePlacement(root, 'auto')).toMatchObject({ driver: 'reflink', image: 'xfs' });
    expect(choosePlacement(candidates('btrfs image', 'copy'), 'auto')).toMatchObject({
      driver: 'copy',
    });
  });
});

describe('an explicit choice of a driver', () => {
  it('uses an image when the directory itself cannot do it', () => {
    const root = candidates('xfs image', 'btrfs image', 'copy');
    expect(choosePlacement(root, 'btrfs')).toMatchObject({ driver: 'btrfs', image: 'btrfs' });
    expect(choosePlacement(root, 'reflink')).toMatchObject({ driver: 'reflink', image: 'xfs' });
    expect(choosePlacement(root, 'copy')).toMatchObject({ driver: 'copy' });
  });

  it('that cannot be met is refused with every reason', () => {
    expect(() => choosePlacement(candidates('copy'), 'btrfs')).toThrow(
      expect.objectContaining({
        code: 'driver_unavailable',
        message: expect.stringMatching(/btrfs: reason.*btrfs image: reason/),
      }),
    );
  });
});
