/** For tests: what a tenant does, and what one check says of it. */
export interface AdvisorExample {
  readonly check: string;
  /** The level and the detail, by the key without the name of the check. */
  readonly found: Readonly<Record<string, readonly [string, string]>>;
  readonly sql: readonly string[];
  /** The first version of Postgres in which there is such a thing. */
  readonly since?: number;
}

/** Opens a table to a role of an API. */
export const SHOW = 'GRANT SELECT ON shown TO authenticated';

/** For each check something that it tells, and beside it much like it what it does not. */
export const advisorExamples: readonly AdvisorExample[] = [
  {
    check: 'rls_disabled_in_public',
    sql: [
      'CREATE TABLE closed (id int PRIMARY KEY)',
      'CREATE TABLE shown (id int PRIMARY KEY)',
      SHOW,
      'CREATE TABLE "For all" (id int PRIMARY KEY)',
      'GRANT DELETE ON "For all" TO PUBLIC',
      'CREATE TABLE in_part (id int PRIMARY KEY, name text)',
      'GRANT SELECT (name) ON in_part TO anonymous',
      'CREATE TABLE safe (id int PRIMARY KEY)',
      'ALTER TABLE safe ENABLE ROW LEVEL SECURITY',
      'GRANT SELECT ON safe TO PUBLIC',
      'CREATE TABLE app.elsewhere (id int PRIMARY KEY)',
      'GRANT SELECT ON app.elsewhere TO PUBLIC',
      'CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)',
      'CREATE TABLE part PARTITION OF parts DEFAULT',
    ],
    found: {
      'public."For all"': [
        'ERROR',
        'Table public."For all" has no row-level security, and may be used by anonymous, authenticated, public.',
      ],
      'public.in_part': [
        'ERROR',
        'Table public.in_part has no row-level security, and may be used by anonymous.',
      ],
      'public.shown': [
        'ERROR',
        'Table public.shown has no row-level security, and may be used by authenticated.',
      ],
      'public.closed': [
        'INFO',
        'Table public.closed has no row-level security, and is closed to roles of an API so far.',
      ],
      'public.parts': [
        'INFO',
        'Table public.parts has no row-level security, and is closed to roles of an API so far.',
      ],
    },
  },
  {
    check: 'policy_exists_rls_disabled',
    sql: [
      'CREATE TABLE app.off (id int PRIMARY KEY)',
      'CREATE POLICY one ON app.off USING (id = 1)',
      'CREATE POLICY "Two" ON app.off USING (id = 2)',
      'CREATE TABLE on_ (id int PRIMARY KEY)',
      'CREATE POLICY one ON on_ USING (id = 1)',
      'ALTER TABLE on_ ENABLE ROW LEVEL SECURITY',
    ],
    found: {
      'app.off': [
        'ERROR',
        'Table app.off has policies without effect, since its row-level security is disabled: Two, one.',
      ],
    },
  },
  {
    check: 'rls_enabled_no_policy',
    sql: [
      'CREATE TABLE bare (id int PRIMARY KEY)',
      'ALTER TABLE bare ENABLE ROW LEVEL SECURITY',
      'CREATE TABLE ruled (id int PRIMARY KEY)',
      'ALTER TABLE ruled ENABLE ROW LEVEL SECURITY',
      'CREATE POLICY own ON ruled USING (id = 1)',
    ],
    found: {
      'public.bare': [
        'INFO',
        'Table public.bare has row-level security, but no policy lets anybody see its rows.',
      ],
    },
  },
  {
    check: 'rls_policy_always_true',
    sql: [
      'CREATE TABLE t (id int PRIMARY KEY)',
      'ALTER TABLE t ENABLE ROW LEVEL SECURITY',
      'CREATE POLICY readable ON t FOR SELECT USING (true)',
      'CREATE POLICY anything ON t USING (true)',
      'CREATE POLICY inserts ON t FOR INSERT TO authenticated WITH CHECK (true)',
      'CREATE POLICY trusted ON t FOR UPDATE TO worker USING (true)',
      'CREATE POLICY held ON t AS RESTRICTIVE FOR DELETE USING (true)',
      'CREATE POLICY own ON t FOR DELETE USING (id = 1)',
      'CREATE TABLE off (id int PRIMARY KEY)',
      'CREATE POLICY anything ON off USING (true)',
    ],
    found: {
      'public.t.anything': [
        'WARN',
        'Policy anything of table public.t lets everybody whom it is for write any row.',
      ],
      'public.t.inserts': [
        'WARN',
        'Policy inserts of table public.t lets everybody whom it is for write any row.',
      ],
    },
  },
  {
    check: 'sensitive_columns_exposed',
    sql: [
      'CREATE TABLE shown (id int PRIMARY KEY, "Api-Key" text, ssn text, password_hint text)',
      SHOW,
      'CREATE TABLE in_part (id int PRIMARY KEY, token text)',
      'GRANT SELECT (id) ON in_part TO authenticated',
      'CREATE TABLE closed (id int PRIMARY KEY, password text)',
      'CREATE TABLE safe (id int PRIMARY KEY, password text)',
      'ALTER TABLE safe ENABLE ROW LEVEL SECURITY',
      'GRANT SELECT ON safe TO PUBLIC',
    ],
    found: {
      'public.shown': [
        'ERROR',
        'Table public.shown has no row-level security and shows Api-Key, ssn to authenticated.',
      ],
    },
  },
  {
    check: 'security_definer_view',
    since: 15,
    sql: [
      'CREATE TABLE t (id int PRIMARY KEY)',
      'CREATE VIEW shown AS SELECT id FROM t',
      SHOW,
      'CREATE VIEW closed AS SELECT id FROM t',
      'CREATE VIEW invoker WITH (security_invoker = on) AS SELECT id FROM t',
      'GRANT SELECT ON invoker TO PUBLIC',
      'CREATE VIEW hidden.there AS SELECT id FROM t',
      'GRANT SELECT ON hidden.there TO PUBLIC',
    ],
    found: {
      'public.shown': [
        'ERROR',
        'View public.shown has the rights of its owner, and may be read by authenticated.',
      ],
    },
  },
  {
    check: 'materialized_view_in_api',
    sql: [
      'CREATE MATERIALIZED VIEW shown AS SELECT 1 AS id',
      SHOW,
      'CREATE MATERIALIZED VIEW closed AS SELECT 1 AS id',
    ],
    found: {
      'public.shown': ['WARN', 'Materialized view public.shown may be read by authenticated.'],
    },
  },
  {
    check: 'foreign_table_in_api',
    sql: [
      'CREATE EXTENSION postgres_fdw SCHEMA app',
      'CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw',
      'CREATE FOREIGN TABLE shown (id int) SERVER there',
      SHOW,
      'CREATE FOREIGN TABLE closed (id int) SERVER there',
    ],
    found: {
      'public.shown': ['WARN', 'Foreign table public.shown may be read by authenticated.'],
    },
  },
  {
    check: 'function_search_path_mutable',
    sql: [
      `CREATE FUNCTION app.secure(n int, t text) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`,
      `CREATE PROCEDURE plain() LANGUAGE sql AS 'SELECT 1'`,
      `CREATE FUNCTION kept() RETURNS int LANGUAGE sql SET search_path = '' AS 'SELECT 1'`,
      'CREATE FUNCTION bound() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END',
      `CREATE FUNCTION othered() RETURNS int LANGUAGE sql SET work_mem = '1MB' AS 'SELECT 1'`,
      'CREATE EXTENSION pgcrypto',
    ],
    found: {
      'app.secure(n integer, t text)': [
        'WARN',
        'Function app.secure(n integer, t text) sets no search_path and has the rights of its owner.',
      ],
      'public.othered()': ['INFO', 'Function public.othered() sets no search_path.'],
      'public.plain()': ['INFO', 'Function public.plain() sets no search_path.'],
    },
  },
  {
    check: 'extension_in_public',
    sql: ['CREATE EXTENSION citext', 'CREATE EXTENSION pgcrypto SCHEMA app'],
    found: { citext: ['WARN', 'Extension citext is in the schema public.'] },
  },
  {
    check: 'extension_versions_outdated',
    sql: [
      `CREATE EXTENSION pg_trgm VERSION '1.5' SCHEMA app`,
      'CREATE EXTENSION citext SCHEMA app',
    ],
    found: { pg_trgm: ['WARN', 'Extension pg_trgm has version 1.5; 1.6 is there.'] },
  },
  {
    check: 'unsupported_reg_types',
    sql: [
      'CREATE TABLE t (id int PRIMARY KEY, "F" regproc, many regconfig[], fine regclass, ok text)',
    ],
    found: {
      'public.t."F"': ['WARN', 'Column "F" of public.t has the type regproc.'],
      'public.t.many': ['WARN', 'Column many of public.t has the type regconfig[].'],
    },
  },
  {
    check: 'unindexed_foreign_keys',
    sql: [
      'CREATE TABLE target (a int, b int, PRIMARY KEY (a, b), UNIQUE (a))',
      'CREATE TABLE bare (a int, b int CONSTRAINT one REFERENCES target (a), CONSTRAINT two FOREIGN KEY (a, b) REFERENCES target)',
      'CREATE INDEX ON bare (a)',
      'CREATE INDEX ON bare (b) WHERE a = 1',
      'CREATE TABLE found (a int, b int REFERENCES target (a), c int REFERENCES target (a), d int REFERENCES target (a), FOREIGN KEY (a, b) REFERENCES target)',
      'CREATE INDEX ON found (b, a, c)',
      'CREATE INDEX ON found (c) WHERE c IS NOT NULL',
      'CREATE INDEX ON found USING hash (d)',
      'CREATE TABLE parts (a int CONSTRAINT whole REFERENCES target (a)) PARTITION BY RANGE (a)',
      'CREATE TABLE part PARTITION OF parts DEFAULT',
    ],
    found: {
      'public.bare.one': [
        'INFO',
        'No index of table public.bare begins with the columns of its foreign key one: b.',
      ],
      'public.bare.two': [
        'INFO',
        'No index of table public.bare begins with the columns of its foreign key two: a, b.',
      ],
      'public.parts.whole': [
        'INFO',
        'No index of table public.parts begins with the columns of its foreign key whole: a.',
      ],
    },
  },
  {
    check: 'no_primary_key',
    sql: [
      'CREATE TABLE bare (id int UNIQUE NOT NULL)',
      'CREATE TABLE keyed (id int PRIMARY KEY)',
      'CREATE TABLE parts (id int) PARTITION BY RANGE (id)',
      'CREATE TABLE part PARTITION OF parts DEFAULT',
    ],
    found: {
      'public.bare': ['INFO', 'Table public.bare has no primary key.'],
      'public.parts': ['INFO', 'Table public.parts has no primary key.'],
    },
  },
  {
    check: 'duplicate_index',
    sql: [
      'CREATE TABLE t (id int PRIMARY KEY, a int, b text)',
      'CREATE INDEX first ON t (a)',
      'CREATE INDEX "Second" ON t (a)',
      'CREATE UNIQUE INDEX only_one ON t (a)',
      'CREATE INDEX turned ON t (a DESC)',
      'CREATE INDEX part ON t (a) WHERE b = $$x$$',
      'CREATE INDEX patterns ON t (b text_pattern_ops)',
      'CREATE INDEX texts ON t (b)',
      'CREATE INDEX lower_1 ON t (lower(b))',
      'CREATE INDEX lower_2 ON t (lower(b))',
      'CREATE INDEX upper_1 ON t (upper(b))',
    ],
    found: {
      'public."Second"': [
        'WARN',
        'Table public.t has the same index several times: Second, first.',
      ],
      'public.lower_1': [
        'WARN',
        'Table public.t has the same index several times: lower_1, lower_2.',
      ],
    },
  },
  {
    check: 'auth_rls_initplan',
    sql: [
      'CREATE SCHEMA auth',
      `CREATE FUNCTION auth.uid() RETURNS int LANGUAGE sql STABLE SET search_path = '' AS 'SELECT 1'`,
      `CREATE FUNCTION my_current_setting(text) RETURNS int LANGUAGE sql STABLE SET search_path = '' AS 'SELECT 1'`,
      'CREATE TABLE t (id int PRIMARY KEY)',
      'CREATE TABLE members (user_id int, t_id int, PRIMARY KEY (user_id, t_id))',
      'ALTER TABLE t ENABLE ROW LEVEL SECURITY',
      'CREATE POLICY each ON t USING (id = auth.uid())',
      `CREATE POLICY setting ON t FOR INSERT WITH CHECK (id = current_setting('app.user', true)::int)`,
      'CREATE POLICY once ON t USING (id = (SELECT auth.uid()))',
      `CREATE POLICY nested ON t USING (id = (SELECT nullif(current_setting('app.user'), '')::int))`,
      'CREATE POLICY mixed ON t USING (id = (SELECT auth.uid()) OR auth.uid() = 7)',
      'CREATE POLICY joined ON t USING (EXISTS (SELECT FROM members WHERE t_id = id AND user_id = auth.uid()))',
      'CREATE POLICY joined_once ON t USING (EXISTS (SELECT FROM members WHERE t_id = id AND user_id = (SELECT auth.uid())))',
      `CREATE POLICY other ON t USING (id = my_current_setting('x'))`,
    ],
    found: Object.fromEntries(
      ['each', 'joined', 'mixed', 'setting'].map((policy) => [
        `public.t.${policy}`,
        [
          'WARN',
          `Policy ${policy} of table public.t calls current_setting() or a function of auth for each row.`,
        ],
      ]),
    ),
  },
  {
    check: 'multiple_permissive_policies',
    sql: [
      'CREATE TABLE t (id int PRIMARY KEY)',
      'ALTER TABLE t ENABLE ROW LEVEL SECURITY',
      'CREATE POLICY all_of_it ON t TO worker USING (id = 1)',
      'CREATE POLICY reading ON t FOR SELECT USING (id = 2)',
      'CREATE POLICY limits ON t AS RESTRICTIVE FOR INSERT TO worker WITH CHECK (id = 3)',
      'CREATE POLICY inserting ON t FOR INSERT TO authenticated WITH CHECK (id = 3)',
    ],
    found: {
      'public.t.worker.SELECT': [
        'WARN',
        'Table public.t has several permissive policies for SELECT by worker: all_of_it, reading.',
      ],
    },
  },
];
