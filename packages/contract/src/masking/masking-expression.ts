/** What a masking rule puts in the place of a value, taken apart. */
export type MaskingExpression =
  | MaskingCall
  /** Of the table that is masked; as the catalogue has it. */
  | { readonly kind: 'column'; readonly name: string }
  /** `number` is written as SQL has numbers. */
  | { readonly kind: 'literal'; readonly type: 'text' | 'number'; readonly value: string }
  | { readonly kind: 'literal'; readonly type: 'boolean'; readonly value: boolean }
  | { readonly kind: 'literal'; readonly type: 'null' }
  | { readonly kind: 'cast'; readonly operand: MaskingExpression; readonly type: string };

/** A function of the set that there is, or one of Postgres' own that only computes. */
export interface MaskingCall {
  readonly kind: 'call';
  readonly schema: 'anon' | 'pg_catalog';
  readonly name: string;
  readonly args: readonly MaskingArgument[];
}

export interface MaskingArgument {
  /** Where it is not given by its place. */
  readonly parameter?: string;
  readonly value: MaskingExpression;
}
