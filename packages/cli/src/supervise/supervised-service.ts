import { sleep } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import { StartError } from '../start-error.ts';
import { RestartPolicy } from './restart-policy.ts';
import { ORDERLY_END } from './service.ts';
import type { RunningService, Service } from './service.ts';

export interface SupervisedServiceOptions {
  readonly service: Service;
  readonly log: Logger;
  /** Called once when the service dies too often and is left dead. */
  readonly onGiveUp: (error: StartError) => void;
}

interface Death {
  readonly death: string;
  /** What made the start fail, for the log. */
  readonly err?: unknown;
}

/** Keeps one service running: started again, with growing pauses, until it is stopped. */
export class SupervisedService {
  readonly name: string;
  readonly #options: SupervisedServiceOptions;
  readonly #policy = new RestartPolicy();
  readonly #stopping = new AbortController();
  #running: RunningService | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: SupervisedServiceOptions) {
    this.name = options.service.name;
    this.#options = options;
  }

  /** Resolves when the service serves for the first time. @throws StartError when it is given up. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#loop = this.#keepRunning(resolve).catch((error: unknown) => {
        const given = error instanceof StartError ? error : new StartError(String(error));
        reject(given);
        this.#options.onGiveUp(given);
      });
    });
  }

  /** Resolves when the service is gone; `limitMs` is how long it may take before it is killed. */
  async stop(limitMs: number): Promise<void> {
    const { service } = this.#options;
    this.#stopping.abort();
    await this.#running?.stop(limitMs);
    await this.#loop;
    const end = await this.#running?.exited;
    if (!service.cleansUpItself || end === undefined || end === ORDERLY_END) return;
    this.#options.log.warn({ service: this.name, end }, 'service is started once more to clean up');
    const last = await service.start(AbortSignal.timeout(limitMs));
    await last.stop(limitMs);
  }

  async #keepRunning(onServing: () => void): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      const { death, err } = await this.#runOnce(onServing);
      if (signal.aborted) return;
      const verdict = this.#policy.died(performance.now());
      const details = { service: this.name, death, ...(err ? { err } : {}) };
      if (verdict.kind === 'give-up') {
        this.#options.log.error(details, 'service died too often');
        throw this.#giveUp(verdict.deaths, death);
      }
      this.#options.log.warn(details, 'service died and is started again');
      await sleep(verdict.afterMs, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  #giveUp(deaths: number, death: string): StartError {
    const { logPath } = this.#options.service;
    return new StartError(`${this.name} died ${deaths} times (${death}): see ${logPath}`);
  }

  async #runOnce(onServing: () => void): Promise<Death> {
    const { service, log } = this.#options;
    try {
      this.#running = await service.start(this.#stopping.signal);
    } catch (error) {
      return { death: error instanceof Error ? error.message : String(error), err: error };
    }
    this.#policy.served();
    log.info({ service: this.name }, 'service is ready');
    onServing();
    return { death: await this.#running.exited };
  }
}
