import { expect, test } from 'vitest';
import { checkPgDump, judgePgDump } from './check-pg-dump.ts';

const program = { major: 17, kind: 'program', path: '/bin/pg_dump' } as const;
const wasm = { major: 18, kind: 'wasm', path: '/modules/pg_dump.js' } as const;

test('the pg_dump is named that schemas come from', () => {
  expect(judgePgDump(17, [wasm, program])).toMatchObject({
    verdict: 'good',
    message: 'Postgres 17: schemas by pg_dump 17 (/bin/pg_dump)',
  });
  expect(judgePgDump(18, [wasm, program])).toMatchObject({
    verdict: 'good',
    message: 'Postgres 18: schemas by pg_dump 18 in WebAssembly (/modules/pg_dump.js)',
  });
});

test('where there is none, what to install is said', () => {
  const { verdict, message, advice } = judgePgDump(18, [program]);
  expect({ verdict, message }).toEqual({
    verdict: 'note',
    message: 'Postgres 18: no pg_dump for Postgres 18 is installed',
  });
  expect(advice).toContain('/bin/pg_dump (17)');
});

test('every Postgres version of this machine is looked at', async () => {
  const findings = await checkPgDump();
  expect(findings.length).toBeGreaterThan(0);
  expect(findings.every(({ check }) => check === 'pg_dump')).toBe(true);
});
