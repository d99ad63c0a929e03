import { expect, test } from 'vitest';
import { splitStatements } from './split-statements.ts';

const statementsOf = (sql: string) =>
  Array.from(splitStatements(sql), ({ statement }) => statement).filter((text) => text !== '');

const statements = [
  `CREATE TABLE "a;b" (c text DEFAULT ';', d text DEFAULT 'it''s; so');`,
  `COMMENT ON TABLE t IS E'a \\'; quoted \\\\';`,
  `CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $_$ SELECT 1; -- ' "
    SELECT $1; $_$;`,
  `CREATE FUNCTION g$x() RETURNS text LANGUAGE sql AS $$ SELECT $a$;$a$; $$;`,
  `CREATE OR REPLACE FUNCTION h(begin int) RETURNS int LANGUAGE sql BEGIN ATOMIC
    SELECT CASE WHEN true THEN 1 ELSE 2 END; SELECT 2; END;`,
  `CREATE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;`,
  `CREATE RULE r AS ON INSERT TO t DO INSTEAD (SELECT 1; SELECT 2);`,
  `SELECT 1 /* ; /* nested ; */ ' */ -- ; '
    + 2;`,
  `CREATE TABLE begin (case_end int);`,
];

test('a script is cut at the semicolons that end statements, and at no other', () => {
  const script = statements.map((text, at) => `--\n-- Name: ${at}; Type: ';\n--\n\n${text}\n\n`);
  expect(statementsOf(script.join(''))).toEqual(statements);
});

test('the parts together are the text, wherever it breaks off', () => {
  const script = statements.join('\n-- between\n');
  for (let end = 0; end <= script.length; end += 1) {
    const text = script.slice(0, end);
    const parts = Array.from(splitStatements(text), ({ lead, statement }) => lead + statement);
    expect(parts.join('')).toBe(text);
  }
});
