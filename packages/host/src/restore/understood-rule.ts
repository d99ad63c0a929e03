import type { MaskingRule as ComputeRule } from '@pgfleet/compute';
import { parseMasking, PgfleetError } from '@pgfleet/contract';
import type { MaskingRule } from '@pgfleet/contract';

/**
 * Takes a masking rule apart: what control has understood is not trusted to be what was sent.
 *
 * @throws PgfleetError `masking_refused`.
 */
export function understoodRule(rule: MaskingRule): ComputeRule {
  const parsed = parseMasking(rule);
  if ('problem' in parsed) throw new PgfleetError('masking_refused', { message: parsed.problem });
  return {
    database: rule.database_name,
    schema: rule.schema_name,
    table: rule.table_name,
    column: rule.column_name,
    expression: parsed.expression,
  };
}
