import { escapeIdentifier as name, escapeLiteral as literal } from 'pg';
import type { MaskingExpression } from './masking-rule.ts';

const NUMBER = /^[-+]?\d+(\.\d+)?$/;
const WORD = /^[a-z0-9_]+$/;

/** Where names in an expression lead to. */
export interface ExpressionScope {
  /** The schema that stands for `anon`. */
  readonly functions: string;
  /** How the masked table is called in the statement. */
  readonly row: string;
}

/** Writes an expression as SQL. */
export function renderExpression(expression: MaskingExpression, scope: ExpressionScope): string {
  const { kind } = expression;
  if (kind === 'literal') return renderLiteral(expression);
  if (kind === 'column') return `${scope.row}.${name(expression.name)}`;
  if (kind === 'cast') {
    return `(${renderExpression(expression.operand, scope)})::pg_catalog.${word(expression.type)}`;
  }
  const schema = expression.schema === 'anon' ? name(scope.functions) : 'pg_catalog';
  const args = expression.args.map(({ parameter, value }) => {
    const rendered = renderExpression(value, scope);
    return parameter === undefined ? rendered : `${word(parameter)} => ${rendered}`;
  });
  return `${schema}.${name(expression.name)}(${args.join(', ')})`;
}

function renderLiteral(expression: MaskingExpression & { readonly kind: 'literal' }): string {
  if (expression.type === 'null') return 'NULL';
  if (expression.type === 'boolean') return String(expression.value);
  if (expression.type === 'text') return literal(expression.value);
  return `(${matching(expression.value, NUMBER)})`;
}

const word = (text: string) => matching(text, WORD);

// Whoever made the expression has looked already; what becomes SQL is looked at where it does.
function matching(text: string, pattern: RegExp): string {
  if (!pattern.test(text)) throw new Error('a masking expression is not what it should be');
  return text;
}
