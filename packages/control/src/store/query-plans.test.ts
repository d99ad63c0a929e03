import { readdirSync, readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { seedFleet } from '@pgfleet/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findScans, isPlanned, loadSizes } from '../testing/query-plan.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';
import { tourFleet } from '../testing/tour/tour-fleet.ts';
import type { Statement } from './database.ts';

/*
 * No statement gets slower because there are more tenants. Everything that control does is done once
 * in a seeded fleet; then the server is asked how it would run each of the statements.
 */

const PROJECTS = 5_000;
/** Of each statement, with different parameters. */
const MAX_KEPT = 4;

/** What reads more than a part of something, and why it may. */
const onPurpose: readonly OnPurpose[] = [
  {
    statement: /search_text like/,
    finding: /rows of projects$/,
    why: 'less than three letters have no trigrams: the index of the organization has the text',
  },
];

interface OnPurpose {
  readonly statement: RegExp;
  readonly finding: RegExp;
  readonly why: string;
}

let postgres: TestPostgres;
let control: TestControl;
/** By their text. */
const statements = new Map<string, readonly Statement[]>();
let uncalled: readonly string[];

beforeAll(async () => {
  postgres = await TestPostgres.open();
  const onStatement = (statement: Statement) => {
    const known = statements.get(statement.text) ?? [];
    if (!isPlanned(statement) || known.length >= MAX_KEPT) return;
    statements.set(statement.text, [...known, statement]);
  };
  control = await TestControl.open(postgres, { onStatement });
  const { url } = control.database;
  const fleet = await seedFleet(url, { projects: PROJECTS, isChecked: false });
  statements.clear();
  uncalled = await uncalledDuring(() => tourFleet(control, fleet));
  await sql`analyze`.execute(control.db);
}, 300_000);
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

test('no statement reads a large table whole, or a good part of it', async () => {
  const sizes = await loadSizes(control.db);
  const problems: Record<string, readonly string[]> = {};
  const used = new Set<OnPurpose>();
  for (const statement of [...statements.values()].flat()) {
    const found = await findScans(control.db, statement, sizes);
    const unexpected = found.filter((finding) => {
      const reason = onPurpose.find(
        (each) => each.statement.test(statement.text) && each.finding.test(finding),
      );
      if (reason) used.add(reason);
      return !reason;
    });
    if (unexpected.length > 0) problems[statement.text] = unexpected;
  }
  expect(problems).toEqual({});
  expect(onPurpose.filter((each) => !used.has(each))).toEqual([]);
}, 120_000);

test('an index that is missing shows', async () => {
  const list = { text: 'select id from branches where project_id = $1', parameters: ['none'] };
  const sizes = await loadSizes(control.db);
  expect(await findScans(control.db, list, sizes)).toEqual([]);
  await sql`drop index branches_of_project, branches_by_name, default_branch`.execute(control.db);
  expect(await findScans(control.db, list, sizes)).toEqual(['reads all of branches']);
});

/** What is not done in a fleet, or reads everything because that is what it is for. */
const elsewhere = new Set(['openDatabase', 'migrate', 'findAuditBreaks']);

test('every statement of the store was among them', () => {
  expect(uncalled.filter((name) => !elsewhere.has(name))).toEqual([]);
});

/** The exported functions of the store that were not called while something was done. */
async function uncalledDuring(work: () => Promise<void>): Promise<string[]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  try {
    await work();
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const called = new Set(
      result
        .filter(({ url }) => url.includes('/control/src/store/'))
        .flatMap(({ functions }) => functions)
        .filter(({ ranges }) => ranges.some(({ count }) => count > 0))
        .map(({ functionName }) => functionName),
    );
    return exportedFunctions().filter((name) => !called.has(name));
  } finally {
    session.disconnect();
  }
}

function exportedFunctions(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
    .flatMap((text) => [...text.matchAll(/^export (?:async )?function (\w+)/gm)])
    .map(([, name = '']) => name);
}
