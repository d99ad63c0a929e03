/** A piece of the text of a masking rule. */
export type MaskingToken =
  /** As Postgres reads it: in lower case, unless it was quoted. */
  | { readonly kind: 'name'; readonly value: string; readonly isQuoted: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'number'; readonly value: string }
  | { readonly kind: 'mark'; readonly value: string };

/** Reads what it can at the beginning of a text; each pattern as SQL has it, without comments. */
const PATTERNS: readonly [RegExp, (match: RegExpExecArray) => MaskingToken | undefined][] = [
  [/\s+/y, () => undefined],
  [/'((?:[^']|'')*)'/y, ([, text = '']) => ({ kind: 'text', value: text.replaceAll("''", "'") })],
  [
    /"((?:[^"]|"")+)"/y,
    ([, name = '']) => ({ kind: 'name', value: name.replaceAll('""', '"'), isQuoted: true }),
  ],
  [/[-+]?\d+(?:\.\d+)?(?![\w.])/y, ([number]) => ({ kind: 'number', value: number })],
  [
    /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y,
    ([name]) => ({ kind: 'name', value: lower(name), isQuoted: false }),
  ],
  [/::|:=|=>|[(),.]/y, ([mark]) => ({ kind: 'mark', value: mark })],
];

/** Cuts the text of a masking rule into its pieces; `undefined` when there is something else in it. */
export function maskingTokens(text: string): readonly MaskingToken[] | undefined {
  const tokens: MaskingToken[] = [];
  let position = 0;
  while (position < text.length) {
    const read = readAt(text, position);
    if (!read) return undefined;
    position = read.end;
    if (read.token) tokens.push(read.token);
  }
  return tokens;
}

function readAt(text: string, position: number) {
  for (const [pattern, make] of PATTERNS) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match) return { token: make(match), end: pattern.lastIndex };
  }
  return undefined;
}

// Postgres leaves all letters but those of ASCII as they are.
function lower(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
