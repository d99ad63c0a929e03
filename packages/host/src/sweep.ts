import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TimelineId } from '@pgfleet/contract';
import { placeIds } from './endpoints/compute-place.ts';
import type { Endpoints } from './endpoints/endpoints.ts';
import type { Ground } from './open-ground.ts';

/**
 * Removes what belongs to nobody any more: locks, and the processes that hold them, of timelines
 * without a record, and socket directories of endpoints without one.
 */
export async function sweep({ layout, timelines }: Ground, endpoints: Endpoints): Promise<void> {
  for (const name of await readdir(layout.locksDir)) {
    const timelineId = name.replace(/\.lock$/, '') as TimelineId;
    if (!timelines.knows(timelineId)) await timelines.discard(timelineId);
  }
  const places = [...endpoints.values()].flatMap(({ spec }) => placeIds(spec.endpointId));
  const known = new Set(places.map((id) => layout.sockets(id)));
  known.add(layout.throwawayDir);
  known.add(layout.peersDir);
  for (const name of await readdir(layout.peersDir)) {
    const { length } = timelines.followersOf(`tl-${name}` as TimelineId);
    if (length === 0) await rm(join(layout.peersDir, name), { recursive: true, force: true });
  }
  for (const name of await readdir(layout.throwawayDir)) {
    await rm(join(layout.throwawayDir, name), { recursive: true, force: true });
  }
  for (const name of await readdir(layout.socketsDir)) {
    const path = join(layout.socketsDir, name);
    if (!known.has(path)) await rm(path, { recursive: true, force: true });
  }
}
