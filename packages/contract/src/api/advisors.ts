import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { Shown } from './shown.ts';

const text = Type.String();
const category = Type.Enum(['SECURITY', 'PERFORMANCE']);
const level = Type.Enum(['INFO', 'WARN', 'ERROR']);

/** Query of `GET /projects/{project_id}/advisors`. */
export const AdvisorsQuery = Type.Object({
  /** The default branch when left out. */
  branch_id: Type.Optional(Type.String({ pattern: idPattern })),
  /** The only one of the branch when left out. */
  database_name: Type.Optional(Type.String({ minLength: 1, maxLength: 63 * 4 })),
  category: Type.Optional(category),
  /** The least level that is told. */
  min_severity: Type.Optional(level),
});
export type AdvisorsQuery = Static<typeof AdvisorsQuery>;

/** A mistake in a database that its catalogue shows. */
export const AdvisorIssue = Type.Object(
  {
    /** Of the check that found it. */
    name: text,
    title: text,
    level,
    /** `EXTERNAL` where it is about what others than the owner can do. */
    facing: Type.Enum(['EXTERNAL', 'INTERNAL']),
    categories: Type.Array(category),
    /** What the check looks for. */
    description: text,
    /** What is wrong with which object. */
    detail: text,
    /** The address of a page about it. */
    remediation: text,
    metadata: Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true })),
    /** The same for the same mistake each time, and for no other one. */
    cache_key: text,
  },
  { title: 'AdvisorIssue' },
);
export type AdvisorIssue = Shown<typeof AdvisorIssue>;

/** Answer of `GET /projects/{project_id}/advisors`: the worst first, a thousand at most. */
export const AdvisorIssueList = Type.Object({ issues: Type.Array(AdvisorIssue) });
export type AdvisorIssueList = Shown<typeof AdvisorIssueList>;
