import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';

/** Structured logger of a process: a constant lower-case message, data in fields. */
export type Logger = PinoLogger;

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export interface LoggerOptions {
  /** The process that writes, for example `host`; becomes the field `process`. */
  readonly process: string;
  readonly level?: LogLevel;
  /** Where lines go; standard error when left out, so that standard output stays for people. */
  readonly destination?: DestinationStream;
}

/** Creates the logger that a `main.ts` hands down to everything it builds. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level ?? 'info',
      base: { process: options.process, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['password', '*.password', 'authorization', '*.authorization'],
        remove: true,
      },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

/** A logger that writes nothing, for tests and for library use. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
