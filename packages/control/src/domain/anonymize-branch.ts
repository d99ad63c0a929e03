import { newTimelineId, parseMasking, PgfleetError } from '@pgfleet/contract';
import type { BranchId, MaskingRule, ProjectId, TimelineId } from '@pgfleet/contract';
import { invalidField } from './invalid-request.ts';
import type { DerivedSource } from './new-branch.ts';
import { newOperations } from './new-operation.ts';
import type { NewOperation } from './new-operation.ts';

/** What masking a branch inserts: a timeline beside the present one, and the operation for it. */
export interface MaskingPlan {
  readonly timeline: { readonly id: TimelineId; readonly source: DerivedSource };
  readonly operation: NewOperation;
}

/** What is masked; the rules are those of now, whatever they become meanwhile. */
export interface MaskedBranch {
  readonly projectId: ProjectId;
  readonly branchId: BranchId;
  readonly timelineId: TimelineId;
  readonly rules: readonly MaskingRule[];
}

export function planMasking({ projectId, branchId, timelineId, rules }: MaskedBranch): MaskingPlan {
  requireRules(rules);
  const id = newTimelineId();
  const [operation] = newOperations({ projectId, branchId, timelineId: id }, ['create_branch']);
  const at = { kind: 'head' } as const;
  return {
    timeline: { id, source: { kind: 'masked', timelineId, at, rules: [...rules] } },
    operation: operation!,
  };
}

/**
 * Checks what can be known of rules without the data that they are for.
 *
 * @throws PgfleetError `invalid_request`.
 */
export function requireMaskingRules(rules: readonly MaskingRule[]): void {
  const known = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    const field = `masking_rules[${index}]`;
    const parsed = parseMasking(rule);
    if ('problem' in parsed) throw invalidField(field, parsed.problem);
    const { database_name, schema_name, table_name, column_name } = rule;
    const column = JSON.stringify([database_name, schema_name, table_name, column_name]);
    if (known.has(column)) throw invalidField(field, 'there is a rule for this column already');
    known.add(column);
  }
}

// A branch that was said to be anonymized would have all of its data.
function requireRules(rules: readonly MaskingRule[]): void {
  if (rules.length > 0) return;
  throw new PgfleetError('invalid_request', {
    message: 'invalid request: masking_rules are needed to anonymize a branch, there are none',
  });
}
