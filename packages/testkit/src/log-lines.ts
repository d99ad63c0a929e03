import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LOUD_LEVELS: readonly unknown[] = ['warn', 'error', 'fatal'];

/** One line of one process' log. */
export interface LogLine {
  readonly file: string;
  /** `crash` for a line that no logger wrote. */
  readonly level: string;
  readonly text: string;
}

/** Reads the log lines of a directory that ask for attention: warnings, errors, crash reports. */
export function loudLines(directory: string): readonly LogLine[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((file) =>
    readFileSync(join(directory, file), 'utf8')
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => ({ file, level: levelOf(text), text }))
      .filter(({ level }) => level === 'crash' || LOUD_LEVELS.includes(level)),
  );
}

function levelOf(text: string): string {
  try {
    return String((JSON.parse(text) as { level?: unknown }).level);
  } catch {
    return 'crash';
  }
}
