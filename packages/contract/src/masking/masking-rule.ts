import { Type } from 'typebox';
import type { Static } from 'typebox';

// An identifier of Postgres has 63 bytes; one that is longer is nobody's.
const identifier = Type.String({ minLength: 1, maxLength: 63 });

/**
 * What the values of a column are replaced by: what a function gives, or always the same value.
 * Names are exact, as the catalogue of Postgres has them.
 */
export const MaskingRule = Type.Object({
  database_name: identifier,
  schema_name: identifier,
  table_name: identifier,
  column_name: identifier,
  masking_function: Type.Optional(Type.String({ maxLength: 2000 })),
  masking_value: Type.Optional(Type.String({ maxLength: 10_000 })),
});
export type MaskingRule = Static<typeof MaskingRule>;
