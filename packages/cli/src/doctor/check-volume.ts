import { join } from 'node:path';
import { probeVolume } from '@pgfleet/volume';
import { hostDirectory } from '../platform-paths.ts';
import type { Finding } from './finding.ts';
import type { PlatformState } from './platform-state.ts';

/** How the volume of each host clones, or would if it were made now. */
export async function checkVolume({ config, paths }: PlatformState): Promise<readonly Finding[]> {
  return await Promise.all(
    config.regions.map(async (region): Promise<Finding> => {
      const directory = join(hostDirectory(paths, region), 'volume');
      const { driver, image, copyOnWrite, reason, advice } = await probeVolume({ directory });
      const place = image === undefined ? '' : ` on an ${image} image`;
      return {
        check: 'volume',
        verdict: copyOnWrite ? 'good' : 'note',
        message: `${region}: ${driver}${place} (${reason})`,
        ...(advice.length > 0 ? { advice: advice.join('; ') } : {}),
      };
    }),
  );
}
