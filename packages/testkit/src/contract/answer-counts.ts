import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How many answers were checked, by operation. */
export type AnswerCounts = Readonly<Record<string, number>>;

/** Keeps what one test file counted in a directory that all of a run share; without one, nowhere. */
export function keepAnswerCounts(directory: string | undefined, counts: AnswerCounts): void {
  if (directory === undefined || Object.keys(counts).length === 0) return;
  writeFileSync(join(directory, `${randomUUID()}.json`), JSON.stringify(counts));
}

/** Adds up what the test files of a run have kept. */
export function sumAnswerCounts(directory: string): AnswerCounts {
  const sum: Record<string, number> = {};
  for (const file of readdirSync(directory)) {
    const counts = JSON.parse(readFileSync(join(directory, file), 'utf8')) as AnswerCounts;
    for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}
