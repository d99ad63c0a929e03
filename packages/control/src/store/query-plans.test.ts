import { readdirSync, readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { seedFleet } from '@pgfleet/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { examine, isPlanned, loadSizes } from '../testing/query-plan.ts';
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
    is: ({ parameters }) => parameters.includes('%q%'),
    finding: /rows of projects$/,
    why: 'less than three letters have no trigrams: the index of the organization has the text',
  },
];

interface OnPurpose {
  readonly is: (statement: Statement) => boolean;
  readonly finding: RegExp;
  readonly why: string;
}

const FEW = 'there are too few of them in this fleet';

/** Indexes of which this fleet cannot tell whether they are needed, and why. */
const untold = {
  backup_schedules_due: FEW,
  failed_operations: FEW,
  hosts_of_region: FEW,
  members_of_organization: FEW,
  operations_in_order: 'another one has what is under way, too, and that is little here',
  operations_to_run: 'another one has what is under way, too, and that is little here',
  permissions_of_project: FEW,
  projects_to_purge: FEW,
  restore_drills_by_age: 'the primary key is in about the same order',
  snapshots_of_timeline: FEW,
};

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
  const examined = await examineAll([...statements.values()].flat());
  const problems = examined.filter(({ findings }) => findings.length > 0);
  expect(problems.map(({ text, findings }) => [text, findings])).toEqual([]);
  const reasons = new Set(examined.flatMap(({ reasons: used }) => used));
  expect(onPurpose.filter((each) => !reasons.has(each))).toEqual([]);
}, 120_000);

test('without any one of the indexes a statement would', async () => {
  const examined = await examineAll([...statements.values()].flat());
  const unneeded: string[] = [];
  for (const { name, definition } of await loadPlainIndexes()) {
    const users = examined.filter(({ indexes }) => indexes.includes(name));
    await sql`drop index ${sql.ref(name)}`.execute(control.db);
    const worse = await examineAll(users);
    if (worse.every(({ findings }) => findings.length === 0)) unneeded.push(name);
    await sql.raw(definition).execute(control.db);
  }
  expect(unneeded.toSorted()).toEqual(Object.keys(untold).toSorted());
}, 120_000);

/** Examines statements; what they do on purpose is left out of the findings. */
async function examineAll(all: readonly Statement[]) {
  const sizes = await loadSizes(control.db);
  const examined = [];
  for (const statement of all) {
    const { findings, indexes } = await examine(control.db, statement, sizes);
    const reasonOf = (finding: string) =>
      onPurpose.find((it) => it.is(statement) && it.finding.test(finding));
    const reasons = findings.flatMap((finding) => reasonOf(finding) ?? []);
    const unexpected = findings.filter((finding) => !reasonOf(finding));
    examined.push({ ...statement, findings: unexpected, indexes, reasons });
  }
  return examined;
}

/** Those that only make something faster: no rule is kept by them. */
async function loadPlainIndexes(): Promise<{ name: string; definition: string }[]> {
  const { rows } = await sql<{ name: string; definition: string }>`
    select c.relname as name, pg_get_indexdef(c.oid) as definition
    from pg_class c join pg_index i on i.indexrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and not i.indisunique`.execute(control.db);
  return rows;
}

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
