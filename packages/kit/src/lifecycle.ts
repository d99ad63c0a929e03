import type { Logger } from './logger.ts';
import { withDeadline } from './wait.ts';

/** One phase of an orderly stop. */
export interface ShutdownPhase {
  readonly name: string;
  readonly limitMs: number;
  run(signal: AbortSignal): Promise<void>;
}

/**
 * What a process undoes when it stops. Phases run in the reverse of the order they were added in,
 * each with its own time limit; one that fails or is late does not keep the others from running.
 */
export class Shutdown implements AsyncDisposable {
  readonly #phases: ShutdownPhase[] = [];
  readonly #log: Logger;
  #done: Promise<boolean> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(phase: ShutdownPhase): void {
    this.#phases.push(phase);
  }

  /** Runs every phase once; resolves `true` when all of them succeeded. */
  run(): Promise<boolean> {
    this.#done ??= this.#run();
    return this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run();
  }

  async #run(): Promise<boolean> {
    let clean = true;
    for (const phase of this.#phases.toReversed()) {
      try {
        await withDeadline((signal) => phase.run(signal), {
          what: `shutdown phase ${phase.name}`,
          timeoutMs: phase.limitMs,
        });
      } catch (error) {
        clean = false;
        this.#log.error({ err: error, phase: phase.name }, 'shutdown phase failed');
      }
    }
    return clean;
  }
}

/**
 * Runs a process' `main`: SIGTERM and SIGINT start the orderly stop, which ends with exit code 0;
 * an error from `main`, or one that nobody handled, ends with exit code 1 after the same stop.
 */
export async function runProcess(
  log: Logger,
  main: (shutdown: Shutdown) => Promise<void>,
): Promise<void> {
  const shutdown = new Shutdown(log);
  let stopping = false;
  const stop = (exitCode: number) => {
    if (stopping) return;
    stopping = true;
    void shutdown.run().then((clean) => process.exit(clean ? exitCode : 1));
  };
  const fail = (error: unknown) => {
    log.fatal({ err: error }, 'unexpected error, process stops');
    stop(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  process.on('SIGTERM', () => stop(0));
  process.on('SIGINT', () => stop(0));
  try {
    await main(shutdown);
  } catch (error) {
    if (!stopping) fail(error);
  }
}

/**
 * Tells the supervisor that started this process that it is ready to serve, and lets go of the
 * channel, so that the process outlives its supervisor. Does nothing when started by hand.
 */
export function announceReady(): void {
  if (!process.send) return;
  process.send('ready', () => process.disconnect());
}
