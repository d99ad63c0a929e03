import type { MaskingExpression } from './masking-rule.ts';

/** The names of the columns that an expression reads. */
export function columnsRead(expression: MaskingExpression): readonly string[] {
  const { kind } = expression;
  if (kind === 'column') return [expression.name];
  if (kind === 'cast') return columnsRead(expression.operand);
  return kind === 'call' ? expression.args.flatMap(({ value }) => columnsRead(value)) : [];
}
