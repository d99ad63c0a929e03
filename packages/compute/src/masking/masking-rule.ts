/** What is put in the place of a value; made of what a rule's text was understood as. */
export type MaskingExpression =
  | MaskingCall
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'literal'; readonly type: 'text' | 'number'; readonly value: string }
  | { readonly kind: 'literal'; readonly type: 'boolean'; readonly value: boolean }
  | { readonly kind: 'literal'; readonly type: 'null' }
  | { readonly kind: 'cast'; readonly operand: MaskingExpression; readonly type: string };

export interface MaskingCall {
  readonly kind: 'call';
  readonly schema: 'anon' | 'pg_catalog';
  readonly name: string;
  readonly args: readonly { readonly parameter?: string; readonly value: MaskingExpression }[];
}

/** What the values of one column become. */
export interface MaskingRule {
  readonly database: string;
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly expression: MaskingExpression;
}
