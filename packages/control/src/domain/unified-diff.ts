import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';

export interface Texts {
  /** What both are called in the head of the diff. */
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/** Comparing texts that have little in common takes time that grows with its square. */
const DEFAULT_LIMIT_MS = 5_000;
const CONTEXT_LINES = 3;

/**
 * The difference of two texts as `diff -u` writes it, empty where there is none. Other work goes on
 * meanwhile. One that is not found in time is answered all the same: as one text for the other.
 */
export async function unifiedDiff(
  { name, before, after }: Texts,
  { limitMs = DEFAULT_LIMIT_MS }: { readonly limitMs?: number } = {},
): Promise<string> {
  if (before === after) return '';
  const names = [`a/${name}`, `b/${name}`] as const;
  const found = await new Promise<string | undefined>((callback) => {
    createTwoFilesPatch(...names, before, after, undefined, undefined, {
      context: CONTEXT_LINES,
      headerOptions: FILE_HEADERS_ONLY,
      timeout: limitMs,
      callback,
    });
  });
  return found ?? replacement(names, before, after);
}

function replacement([from, to]: readonly [string, string], before: string, after: string): string {
  const [removed, added] = [hunkLines('-', before), hunkLines('+', after)];
  const range = (count: number) => `${count === 0 ? 0 : 1},${count}`;
  const head = `@@ -${range(removed.length)} +${range(added.length)} @@`;
  return [`--- ${from}`, `+++ ${to}`, head, ...removed, ...added, ''].join('\n');
}

function hunkLines(sign: string, text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => sign + line);
}
