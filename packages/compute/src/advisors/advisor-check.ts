/** How much an issue matters, the worst first. */
export const ADVISOR_LEVELS = ['ERROR', 'WARN', 'INFO'] as const;
export type AdvisorLevel = (typeof ADVISOR_LEVELS)[number];

export type AdvisorCategory = 'SECURITY' | 'PERFORMANCE';

/** Where the pages are that issues lead to. */
export const POSTGRES_DOCS = 'https://www.postgresql.org/docs/current';

/** What an issue says that is the same for all issues of its check. */
interface AdvisorSubject {
  /** As Neon's advisors and the linter that they come from have it, so that clients know it. */
  readonly name: string;
  readonly title: string;
  /** `EXTERNAL` where it is about what others than the owner can do. */
  readonly facing: 'EXTERNAL' | 'INTERNAL';
  readonly description: string;
  /** The page of Postgres' documentation that it is about. */
  readonly remediation: string;
}

/** One kind of mistake that can be seen in the catalogue of a database. */
export interface AdvisorCheck extends AdvisorSubject {
  readonly category: AdvisorCategory;
  /** Of its worst issues. */
  readonly level: AdvisorLevel;
  /** An SQL expression for the level of a row, over the columns of `sql`; `level` when left out. */
  readonly rowLevel?: string;
  /**
   * A query that returns a row for each issue: `key`, a text that no other one has, made of quoted
   * names; `detail`, a sentence or two; `metadata`, a JSON object. It reads the catalogue and nothing
   * else, since it runs as superuser: no table, type or function of a tenant's.
   */
  readonly sql: string;
}

/** One mistake. */
export interface AdvisorIssue extends AdvisorSubject {
  readonly level: AdvisorLevel;
  readonly categories: AdvisorCategory[];
  /** What is wrong with which object. */
  readonly detail: string;
  readonly metadata: Record<string, unknown>;
  /** The same for the same mistake each time, and for no other one. */
  readonly cache_key: string;
}
