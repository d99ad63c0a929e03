import type { MaskingExpression } from './masking-rule.ts';

/** The names of the columns that an expression reads. */
export function columnsRead(expression: MaskingExpression): readonly string[] {
  switch (expression.kind) {
    case 'column':
      return [expression.name];
    case 'call':
      return expression.args.flatMap(({ value }) => columnsRead(value));
    case 'cast':
      return columnsRead(expression.operand);
    case 'literal':
      return [];
  }
}
