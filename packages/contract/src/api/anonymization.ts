import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, ProjectId } from '../ids.ts';
import { MaskingRule } from '../masking/masking-rule.ts';
import { BranchCreateRequest } from './branches.ts';
import { AnnotationValue, Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

/** As many as a table may have columns. */
const MAX_RULES = 1600;

const rules = Type.Array(MaskingRule, { maxItems: MAX_RULES });

/** Body of `POST /projects/{project_id}/branch_anonymized`; all of it may be left out. */
export const BranchAnonymizedCreateRequest = Type.Object({
  branch_create: Type.Optional(Type.Omit(BranchCreateRequest, ['annotation_value'])),
  masking_rules: Type.Optional(rules),
  start_anonymization: Type.Optional(Type.Boolean()),
  /** Without effect, as for other branches. */
  annotation_value: Type.Optional(AnnotationValue),
});
export type BranchAnonymizedCreateRequest = Static<typeof BranchAnonymizedCreateRequest>;

/** Body of `PATCH …/masking_rules`: instead of all rules that there are. */
export const MaskingRulesUpdateRequest = Type.Object({ masking_rules: rules });
export type MaskingRulesUpdateRequest = Static<typeof MaskingRulesUpdateRequest>;

/** Answer of `GET` and `PATCH …/masking_rules`. */
export const MaskingRules = Type.Object({ masking_rules: Type.Array(MaskingRule) });
export type MaskingRules = Shown<typeof MaskingRules>;

/** States of an anonymized branch, as the contract names them. */
export const anonymizationStates = [
  'created',
  'initialized',
  'initialization_error',
  'anonymizing',
  'anonymized',
  'error',
] as const;
export type AnonymizationState = (typeof anonymizationStates)[number];

/** Answer of `GET …/anonymized_status` and `POST …/anonymize`. */
export const AnonymizedBranchStatus = Type.Object(
  {
    project_id: Type.Unsafe<ProjectId>(Type.String({ pattern: idPattern })),
    branch_id: Type.Unsafe<BranchId>(Type.String({ pattern: idPattern })),
    state: Type.Unsafe<AnonymizationState>(Type.Enum([...anonymizationStates])),
    status_message: Type.Optional(Type.String()),
    created_at: Timestamp,
    updated_at: Timestamp,
    failed_at: Type.Optional(Timestamp),
    last_run: Type.Optional(
      Type.Object(
        {
          started_at: Type.Optional(Timestamp),
          completed_at: Type.Optional(Timestamp),
          triggered_by: Type.Optional(Type.String({ format: 'uuid' })),
          triggered_by_username: Type.Optional(Type.String()),
          masked_columns: Type.Optional(Type.Integer()),
        },
        { description: 'the latest attempt, whether it went well or not' },
      ),
    ),
  },
  { title: 'AnonymizedBranchStatus' },
);
export type AnonymizedBranchStatus = Shown<typeof AnonymizedBranchStatus>;
