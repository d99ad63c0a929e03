import type { Limits } from '@pgfleet/compute';
import type { EndpointSpec } from '@pgfleet/contract';

type Size = Pick<EndpointSpec, 'maxCu'>;

const BYTES_PER_CU = 4 * 1024 ** 3;
// Postgres itself, its workers, and as many connections as it allows.
const PIDS = 164;
const PIDS_PER_CU = 450;
const MAX_PIDS = 4500;
// Of the largest size, twice.
const LAUNCH_WEIGHT = 32;

/** What an endpoint's compute may use: its largest size, since nothing scales it in between. */
export function limitsFor(size: Size): Limits {
  return { ...launchLimits(size), cpus: size.maxCu, cpuWeight: size.maxCu };
}

/**
 * The same while it starts: a quarter of a processor would make a start four times as long, and beside
 * busy neighbours it would wait for each of its time slices. It is soon over.
 */
export function launchLimits({ maxCu }: Size): Limits {
  return {
    cpuWeight: LAUNCH_WEIGHT,
    memoryBytes: maxCu * BYTES_PER_CU,
    pids: Math.min(MAX_PIDS, Math.ceil(PIDS + PIDS_PER_CU * maxCu)),
  };
}
