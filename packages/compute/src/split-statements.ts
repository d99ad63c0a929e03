/** A piece of a script: a statement with its semicolon, and the comments and blanks before it. */
export interface ScriptPart {
  readonly lead: string;
  /** Empty in the last part. */
  readonly statement: string;
}

const BLANK_OR_COMMENT = /(?:\s+|--[^\n]*)*/y;
// Everything that is none of these means nothing to where a statement ends.
const TOKEN = /[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*|--|\/\*|['"$;()]/g;
const ROUTINE = /^create (or replace )?(function|procedure)\b/;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$/y;

/**
 * Cuts SQL with `standard_conforming_strings` into its statements; the parts together are the text.
 *
 * Source: psql's `psqlscan.l`, with its rule for bodies `BEGIN ATOMIC … END` of functions.
 */
export function* splitStatements(sql: string): Generator<ScriptPart> {
  for (let start = 0; ; ) {
    BLANK_OR_COMMENT.lastIndex = start;
    const begin = start + (BLANK_OR_COMMENT.exec(sql)?.[0].length ?? 0);
    const end = endOfStatement(sql, begin);
    yield { lead: sql.slice(start, begin), statement: sql.slice(begin, end) };
    if (end >= sql.length && sql.slice(begin, end) === '') return;
    start = end;
  }
}

function endOfStatement(sql: string, begin: number): number {
  const nesting = new Nesting();
  let previousEnd = begin;
  let previous = '';
  TOKEN.lastIndex = begin;
  for (let match = TOKEN.exec(sql); match; match = TOKEN.exec(sql)) {
    const [token] = match;
    const at = match.index;
    if (token === ';' && nesting.isOutside) return at + 1;
    const isEscaped = at === previousEnd && /^e$/i.test(previous);
    const end = isWord(token) ? at + token.length : endOfQuoted(sql, { at, token, isEscaped });
    nesting.take(token);
    previous = token;
    previousEnd = end;
    TOKEN.lastIndex = end;
  }
  return sql.length;
}

/** Parentheses, and bodies of functions written as statements. */
class Nesting {
  #parentheses = 0;
  #blocks = 0;
  #words: string[] = [];
  #isRoutine = false;

  get isOutside(): boolean {
    return this.#parentheses === 0 && this.#blocks === 0;
  }

  take(token: string): void {
    if (token === '(') this.#parentheses += 1;
    else if (token === ')') this.#parentheses -= 1;
    else if (isWord(token)) this.#takeWord(token.toLowerCase());
  }

  #takeWord(word: string): void {
    if (this.#words.length < 4) {
      this.#words.push(word);
      this.#isRoutine = ROUTINE.test(this.#words.join(' '));
    }
    if (!this.#isRoutine || this.#parentheses > 0) return;
    if (word === 'begin' || (word === 'case' && this.#blocks > 0)) this.#blocks += 1;
    if (word === 'end' && this.#blocks > 0) this.#blocks -= 1;
  }
}

interface Quote {
  readonly at: number;
  readonly token: string;
  /** A string of the kind `E'…'`, where a backslash escapes. */
  readonly isEscaped: boolean;
}

// A doubled quote counts as the end of one string and the beginning of the next.
function endOfQuoted(sql: string, { at, token, isEscaped }: Quote): number {
  switch (token) {
    case '--':
      return after(sql, '\n', at);
    case '/*':
      return endOfComment(sql, at);
    case '"':
      return after(sql, '"', at + 1);
    case "'":
      return isEscaped ? endOfEscaped(sql, at + 1) : after(sql, "'", at + 1);
    case '$':
      return endOfDollarQuoted(sql, at);
    default:
      return at + 1;
  }
}

function endOfDollarQuoted(sql: string, at: number): number {
  DOLLAR_QUOTE.lastIndex = at;
  const tag = DOLLAR_QUOTE.exec(sql)?.[0];
  return tag === undefined ? at + 1 : after(sql, tag, at + tag.length);
}

function endOfEscaped(sql: string, begin: number): number {
  for (let at = begin; at < sql.length; at += 1) {
    if (sql[at] === '\\') at += 1;
    else if (sql[at] === "'" && sql[at + 1] === "'") at += 1;
    else if (sql[at] === "'") return at + 1;
  }
  return sql.length;
}

// Comments of this kind nest.
function endOfComment(sql: string, begin: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = begin;
  let depth = 0;
  for (let match = mark.exec(sql); match; match = mark.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return sql.length;
}

function after(sql: string, text: string, from: number): number {
  const at = sql.indexOf(text, from);
  return at < 0 ? sql.length : at + text.length;
}

function isWord(token: string): boolean {
  return /^[^-/'"$;()]/.test(token);
}
