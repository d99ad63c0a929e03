import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { sumAnswerCounts } from './answer-counts.ts';

/* Runs once around all test files: says at the end how many answers were checked. */

/** Vitest calls this before the first test file, and what it returns after the last one. */
export function setup(project: TestProject): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'pgfleet-answers-'));
  project.provide('answerCounts', directory);
  return () => {
    const counts = Object.entries(sumAnswerCounts(directory));
    rmSync(directory, { recursive: true });
    const fuzzed = counts.filter(([name]) => name.startsWith('fuzzed '));
    const answers = counts.filter(([name]) => !name.startsWith('fuzzed '));
    if (answers.length === 0) return;
    const total = answers.reduce((sum, [, count]) => sum + count, 0);
    const lines = [
      `${total} answers of ${answers.length} operations checked against the contract`,
      ...fuzzed.map(([name, count]) => `${count} ${name}`),
    ];
    process.stdout.write(lines.map((line) => `${project.name}: ${line}\n`).join(''));
  };
}
