import type { HostInfo } from '@pgfleet/contract';
import { defaultPostgresMajor } from '@pgfleet/contract';
import type { Shutdown } from '@pgfleet/kit';
import { serve } from './api/server.ts';
import type { HostOptions } from './host-options.ts';
import { openGround } from './open-ground.ts';
import type { Ground } from './open-ground.ts';
import { openServices } from './open-services.ts';
import { stopStrays } from './restore/stop-strays.ts';
import { sweepHistory } from './restore/sweep-history.ts';
import { sweep } from './sweep.ts';

/** A host that serves its API. */
export interface Host {
  readonly info: HostInfo;
}

/**
 * Opens a host on its directory: takes over running computes, finishes or throws away what a crash
 * left half done, then serves. How to undo it is added to `shutdown` step by step; when this
 * throws, running that undoes what was done.
 */
export async function openHost(options: HostOptions, shutdown: Shutdown): Promise<Host> {
  const ground = await openGround(options, shutdown);
  const services = openServices(ground);
  const { endpoints } = services;
  await endpoints.adopt();
  await ground.timelines.recover(
    (timelineId) => endpoints.stopOn(timelineId),
    (timelineId) => ground.claims.isClaimed(timelineId),
  );
  await services.timeTravel.recover();
  await stopStrays(ground);
  await sweepHistory(ground);
  await sweep(ground, endpoints);
  await stockDefault(ground);
  services.run(shutdown);
  const { address, token, log } = options;
  const app = await serve({ address, token, services, log });
  shutdown.add({ name: 'api', limitMs: 5000, run: () => app.close() });
  shutdown.add({ name: 'copies', limitMs: 10_000, run: () => stopCopies(ground) });
  log.info(services.info(), 'host serves');
  return {
    get info() {
      return services.info();
    },
  };
}

// Requests that wait for a copy end with it, so that the API can close.
async function stopCopies({ timelines, claims }: Ground): Promise<void> {
  await Promise.all([timelines.close(), claims.close()]);
}

// The first project of the default version should not have to wait for `initdb`. A host that cannot
// make the template, say on a full disk, still serves the timelines that it has.
async function stockDefault({ builds, templates, spares, options }: Ground): Promise<void> {
  if (!builds.majors.includes(defaultPostgresMajor)) return;
  try {
    await templates.ensure(defaultPostgresMajor);
    spares.stock(defaultPostgresMajor);
  } catch (error) {
    options.log.error({ err: error, major: defaultPostgresMajor }, 'template could not be made');
  }
}
