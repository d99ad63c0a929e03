import { execFileSync } from 'node:child_process';
import { cpSync, lstatSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  findAllInstallations,
  findInstallations,
  type PostgresInstallation,
} from './installation.ts';
import { ensureInstallationView } from './installation-view.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pgfleet-'));
});
afterEach(() => rm(directory, { recursive: true }));

const installations = await findAllInstallations();

test('Postgres 17 and 18 from npm are found on every supported machine', async () => {
  const found = await findInstallations();
  const fromNpm = found.filter(({ source }) => source === 'npm').map(({ major }) => major);
  expect(fromNpm.slice(0, 2)).toEqual([18, 17]);
  expect(new Set(found.map(({ major }) => major)).size).toBe(found.length);
});

test.each(installations)('a view of $version ($source) runs from its own place', async (found) => {
  const view = await ensureInstallationView(found, directory);
  const postgres = join(view.directory, view.binPath, 'postgres');
  expect(execFileSync(postgres, ['--version'], { encoding: 'utf8' })).toContain(found.version);
  const control = extensionFile(view.directory, 'hstore.control');
  expect(readFileSync(control, 'utf8')).toMatch(/^trusted = true$/m);
  expect(statSync(control).mode & 0o444).toBe(0o444);
});

test.each(installations)('making a view leaves $version ($source) as it was', async (found) => {
  const control = join(found.shareDir, 'extension', 'postgres_fdw.control');
  const before = readFileSync(control, 'utf8');
  await ensureInstallationView(found, directory);
  expect(readFileSync(control, 'utf8')).toBe(before);
});

test('processes that race for a view all get the same complete one', async () => {
  const found = npmInstallation();
  const views = await Promise.all([1, 2, 3].map(() => ensureInstallationView(found, directory)));
  expect(new Set(views.map((view) => view.directory)).size).toBe(1);
  expect(readdirSync(directory)).toHaveLength(1);
});

test('library links that npm was not allowed to make are repaired', async () => {
  const found = npmInstallation();
  const root = join(directory, 'module', 'native');
  cpSync(dirname(found.binDir), root, { recursive: true, verbatimSymlinks: true });
  for (const name of readdirSync(join(root, 'lib'))) {
    const path = join(root, 'lib', name);
    if (lstatSync(path).isSymbolicLink()) rmSync(path);
  }
  const bare: PostgresInstallation = {
    ...found,
    binDir: join(root, 'bin'),
    libDir: join(root, 'lib'),
    shareDir: join(root, 'share', 'postgresql'),
    pkgLibDir: join(root, 'lib', 'postgresql'),
  };
  const view = await ensureInstallationView(bare, join(directory, 'views'));
  const postgres = join(view.directory, view.binPath, 'postgres');
  expect(execFileSync(postgres, ['--version'], { encoding: 'utf8' })).toContain(found.version);
});

function npmInstallation(): PostgresInstallation {
  return installations.find(({ source }) => source === 'npm')!;
}

function extensionFile(view: string, name: string): string {
  const paths = readdirSync(view, { recursive: true, encoding: 'utf8' });
  return join(view, paths.find((path) => path.endsWith(`extension/${name}`))!);
}
