/*
 * The language of masking rules, which is much smaller than SQL: calls of known functions with
 * literals, columns of the masked table and further such calls as arguments. Whatever is not part of
 * it is refused; what is part of it is written anew for Postgres from the pieces, so nothing of the
 * text itself gets there but literals and names of columns, and those quoted.
 */
import type { MaskingArgument, MaskingCall, MaskingExpression } from './masking-expression.ts';
import { maskingCasts, maskingFunctions, plainFunctions } from './masking-functions.ts';
import type { MaskingSignature } from './masking-functions.ts';
import type { MaskingRule } from './masking-rule.ts';
import { maskingTokens } from './masking-tokens.ts';
import type { MaskingToken } from './masking-tokens.ts';

/** An expression, or what is wrong with the text, for who wrote it. */
export type ParsedMasking =
  | { readonly expression: MaskingExpression }
  | { readonly problem: string };

const MAX_DEPTH = 8;

/** Reads `masking_function` or `masking_value` of a rule, of which there must be one. */
export function parseMasking(rule: MaskingRule): ParsedMasking {
  const { masking_function: call, masking_value: value } = rule;
  if (call !== undefined && value !== undefined) {
    return { problem: 'only one of masking_function and masking_value may be given' };
  }
  if (call !== undefined) return parseMaskingFunction(call, rule.table_name);
  if (value !== undefined) return { expression: parseMaskingValue(value) };
  return { problem: 'masking_function or masking_value must be given' };
}

/** Reads a call such as `anon.partial(phone, 2, '***', 2)`. */
export function parseMaskingFunction(text: string, table?: string): ParsedMasking {
  const tokens = maskingTokens(text);
  if (!tokens) return { problem: 'masking_function must be a call such as anon.fake_email()' };
  try {
    return { expression: new Parser(tokens, table).whole() };
  } catch (error) {
    if (error instanceof SyntaxProblem) return { problem: error.message };
    throw error;
  }
}

/**
 * Reads a value as a literal of SQL: a text in quotes, a number, `true`, `false` or `NULL`. All else
 * is a text that was left without quotes.
 */
export function parseMaskingValue(text: string): MaskingExpression {
  const tokens = maskingTokens(text) ?? [];
  const literal = tokens.length === 1 ? literalOf(tokens[0]) : undefined;
  return literal ?? { kind: 'literal', type: 'text', value: text };
}

class SyntaxProblem extends Error {}

class Parser {
  readonly #tokens: readonly MaskingToken[];
  readonly #table: string | undefined;
  #next = 0;

  constructor(tokens: readonly MaskingToken[], table: string | undefined) {
    this.#tokens = tokens;
    this.#table = table;
  }

  whole(): MaskingCall {
    const schema = this.#name();
    this.#mark('.');
    const call = this.#call(schema, 0);
    if (this.#next < this.#tokens.length) {
      throw new SyntaxProblem('masking_function must be one call and nothing else');
    }
    return call;
  }

  #call(schema: string, depth: number): MaskingCall {
    const name = this.#name();
    if (schema !== 'anon' && schema !== 'pg_catalog') throw unknown(`${schema}.${name}`);
    const known = schema === 'anon' ? maskingFunctions : plainFunctions;
    const signature = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!signature) throw unknown(`${schema}.${name}`);
    this.#mark('(');
    const args: MaskingArgument[] = [];
    while (!this.#skip(')')) {
      if (args.length > 0) this.#mark(',');
      args.push(this.#argument(signature, depth));
    }
    if (args.length < signature.least || args.length > signature.most) {
      throw new SyntaxProblem(`${schema}.${name} takes (${signature.takes})`);
    }
    return { kind: 'call', schema, name, args };
  }

  #argument({ parameters = [] }: MaskingSignature, depth: number): MaskingArgument {
    const [name, mark] = [this.#peek(), this.#peek(1)];
    const isNamed = mark?.kind === 'mark' && [':=', '=>'].includes(mark.value);
    if (!isNamed || name?.kind !== 'name') return { value: this.#expression(depth) };
    if (!parameters.includes(name.value)) {
      throw new SyntaxProblem(`there is no parameter ${name.value}`);
    }
    this.#next += 2;
    return { parameter: name.value, value: this.#expression(depth) };
  }

  #expression(depth: number): MaskingExpression {
    if (depth >= MAX_DEPTH) throw new SyntaxProblem('calls are nested too deeply');
    let expression = this.#operand(depth);
    while (this.#skip('::')) expression = { kind: 'cast', operand: expression, type: this.#type() };
    return expression;
  }

  #operand(depth: number): MaskingExpression {
    const literal = literalOf(this.#peek());
    if (literal) {
      this.#next += 1;
      return literal;
    }
    const first = this.#name();
    if (!this.#skip('.')) return { kind: 'column', name: first };
    const after = this.#peek(1);
    if (after?.kind === 'mark' && after.value === '(') return this.#call(first, depth + 1);
    if (first !== this.#table)
      throw new SyntaxProblem('only columns of the same table can be read');
    return { kind: 'column', name: this.#name() };
  }

  #type(): string {
    const first = this.#name();
    const second = this.#peek();
    const isDouble = first === 'double' && second?.kind === 'name' && second.value === 'precision';
    if (isDouble) this.#next += 1;
    const type = isDouble ? 'double precision' : first;
    const name = Object.hasOwn(maskingCasts, type) ? maskingCasts[type] : undefined;
    if (name === undefined) throw new SyntaxProblem(`a cast to ${type} is not possible`);
    return name;
  }

  #name(): string {
    const token = this.#peek();
    if (token?.kind !== 'name') {
      throw new SyntaxProblem('masking_function must be a call such as anon.fake_email()');
    }
    this.#next += 1;
    return token.value;
  }

  #mark(value: string): void {
    if (!this.#skip(value)) throw new SyntaxProblem(`masking_function misses a "${value}"`);
  }

  #skip(value: string): boolean {
    const token = this.#peek();
    if (token?.kind !== 'mark' || token.value !== value) return false;
    this.#next += 1;
    return true;
  }

  #peek(ahead = 0): MaskingToken | undefined {
    return this.#tokens[this.#next + ahead];
  }
}

const words: Readonly<Record<string, MaskingExpression>> = {
  null: { kind: 'literal', type: 'null' },
  true: { kind: 'literal', type: 'boolean', value: true },
  false: { kind: 'literal', type: 'boolean', value: false },
};

function literalOf(token: MaskingToken | undefined): MaskingExpression | undefined {
  if (token?.kind === 'text' || token?.kind === 'number') {
    return { kind: 'literal', type: token.kind, value: token.value };
  }
  if (token?.kind !== 'name' || token.isQuoted) return undefined;
  return Object.hasOwn(words, token.value) ? words[token.value] : undefined;
}

function unknown(name: string): SyntaxProblem {
  const anon = Object.keys(maskingFunctions).map((known) => `anon.${known}`);
  const plain = Object.keys(plainFunctions).map((known) => `pg_catalog.${known}`);
  return new SyntaxProblem(
    `there is no masking function ${name}; there are ${[...anon, ...plain].join(', ')}`,
  );
}
