import { editScript } from './edit-script.ts';
import type { Edit } from './edit-script.ts';

export interface Texts {
  /** What both are called in the head of the diff. */
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/** More changed lines than this are nothing that a person compares, and would hold up others. */
const DEFAULT_MAX_EDITS = 1_000;
const CONTEXT_LINES = 3;

/**
 * The difference of two texts as `diff -u` writes it, empty where no line differs. Texts that
 * differ in more than `maxEdits` lines are shown as one in the place of the other.
 */
export function unifiedDiff({ name, before, after }: Texts, maxEdits = DEFAULT_MAX_EDITS): string {
  const [old, young] = [linesOf(before), linesOf(after)];
  const script = editScript(old, young, maxEdits) ?? replacement(old, young);
  const hunks = hunksOf(script);
  if (hunks.length === 0) return '';
  return [`--- a/${name}`, `+++ b/${name}`, ...hunks.flatMap(formatHunk), ''].join('\n');
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function replacement(before: readonly string[], after: readonly string[]): Edit[] {
  return [
    ...before.map((line) => ({ sign: '-' as const, line })),
    ...after.map((line) => ({ sign: '+' as const, line })),
  ];
}

interface Hunk {
  /** How many lines of each text come before it. */
  readonly skipped: { readonly before: number; readonly after: number };
  readonly edits: readonly Edit[];
}

// Changes that are so near that their context would overlap or touch share a hunk.
function hunksOf(script: readonly Edit[]): Hunk[] {
  const hunks: Hunk[] = [];
  const skipped = { before: 0, after: 0 };
  let done = 0;
  for (
    let [start, end] = nextRange(script, 0);
    start < end;
    [start, end] = nextRange(script, end)
  ) {
    for (const { sign } of script.slice(done, start)) count(skipped, sign);
    const edits = script.slice(start, end);
    hunks.push({ skipped: { ...skipped }, edits });
    done = start;
  }
  return hunks;
}

// The changes from `from` on that belong together, with their context; empty when there are none.
function nextRange(script: readonly Edit[], from: number): [start: number, end: number] {
  let first = from;
  while (script[first]?.sign === ' ') first += 1;
  if (first === script.length) return [from, from];
  let last = first;
  for (let index = first; index <= last + 2 * CONTEXT_LINES + 1; index += 1) {
    const edit = script[index];
    if (edit && edit.sign !== ' ') last = index;
  }
  const start = Math.max(from, first - CONTEXT_LINES);
  return [start, Math.min(script.length, last + CONTEXT_LINES + 1)];
}

function formatHunk({ skipped, edits }: Hunk): string[] {
  const lines = { before: 0, after: 0 };
  for (const { sign } of edits) count(lines, sign);
  const before = formatRange(skipped.before, lines.before);
  const after = formatRange(skipped.after, lines.after);
  return [`@@ -${before} +${after} @@`, ...edits.map(({ sign, line }) => sign + line)];
}

// Lines are counted from 1; a range without lines names the line that it follows.
function formatRange(skipped: number, lines: number): string {
  return `${lines === 0 ? skipped : skipped + 1},${lines}`;
}

function count(lines: { before: number; after: number }, sign: Edit['sign']): void {
  if (sign !== '+') lines.before += 1;
  if (sign !== '-') lines.after += 1;
}
