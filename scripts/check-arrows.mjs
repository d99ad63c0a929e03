#!/usr/bin/env node
// Arrows point down: a package may depend only on packages of lower layers, other packages are
// imported by their name alone, and test code is used by tests alone.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const LAYERS = {
  contract: 0,
  pgwire: 0,
  kit: 0,
  volume: 1,
  compute: 1,
  host: 2,
  control: 2,
  proxy: 2,
  cli: 3,
  console: 3,
};
// Builds and runs whole platforms from outside; `testkit` may be used by tests of every package.
const DEVELOPMENT = ['testkit', 'bench', 'e2e'];
// A process' entry point is no import: who starts it finds the file, and the options of Node for it.
const SPAWNERS = ['cli', 'bench'];
const SPAWNED = /^@pgfleet\/(control|host|proxy)\/(main|node-options)$/;

const IMPORT = /(?:\bfrom|\bimport|\bimport\.meta\.resolve)\s*\(?\s*(['"])([^'"\n]+)\1/g;
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** Returns every violation below a repository's root, one line each. */
export function findViolations(root) {
  return packageDirectories(root).flatMap((directory) => [
    ...checkManifest(root, directory),
    ...sourceFiles(directory).flatMap((file) => checkFile(root, directory, file)),
  ]);
}

function packageDirectories(root) {
  const packages = readdirSync(join(root, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(root, 'packages', entry.name));
  return [...packages, join(root, 'bench'), join(root, 'examples'), join(root, 'test/e2e')];
}

function checkManifest(root, directory) {
  const manifest = readJson(join(directory, 'package.json'));
  const from = packageName(directory);
  const dependencies = Object.keys(manifest?.dependencies ?? {});
  return dependencies.flatMap((dependency) => {
    const to = /^@pgfleet\/([^/]+)$/.exec(dependency)?.[1];
    const problem = to === undefined ? undefined : forbidden(from, to, { isTest: false });
    return problem ? [`${relative(root, directory)}/package.json: ${problem}`] : [];
  });
}

function checkFile(root, directory, file) {
  const text = readFileSync(file, 'utf8').replace(COMMENT, '');
  const isTest = /\.test\.[jt]s$|\/testing\//.test(file);
  const violations = [];
  for (const [, , specifier] of text.matchAll(IMPORT)) {
    const problem = checkImport({ directory, file, isTest, specifier });
    if (problem) violations.push(`${relative(root, file)}: ${problem}`);
  }
  return violations;
}

function checkImport({ directory, file, isTest, specifier }) {
  if (specifier.startsWith('.')) {
    const target = resolve(dirname(file), specifier);
    const outside = relative(directory, target).startsWith('..');
    return outside ? `"${specifier}" leads out of the package` : undefined;
  }
  const [, to, rest] = /^@pgfleet\/([^/]+)(\/.*)?$/.exec(specifier) ?? [];
  if (to === undefined) return undefined;
  const spawned = SPAWNERS.includes(packageName(directory)) && SPAWNED.test(specifier);
  if (rest !== undefined && !spawned) return `"${specifier}" is a deep import`;
  return forbidden(packageName(directory), to, { isTest });
}

function forbidden(from, to, { isTest }) {
  if (from === to) return `${from} imports itself by name`;
  if (from === 'examples') return `${from} use what everybody has from npm, not ${to}`;
  if (DEVELOPMENT.includes(from)) return undefined;
  if (DEVELOPMENT.includes(to)) return isTest ? undefined : `${from} uses ${to} outside of tests`;
  const [above, below] = [LAYERS[from], LAYERS[to]];
  if (above === undefined) return `${from} has no layer: give it one in scripts/check-arrows.mjs`;
  if (below === undefined) return `${to} has no layer: give it one in scripts/check-arrows.mjs`;
  return below < above ? undefined : `${from} (layer ${above}) must not use ${to} (layer ${below})`;
}

function packageName(directory) {
  return directory.split('/').at(-1);
}

function sourceFiles(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return /\.[cm]?[jt]sx?$/.test(entry.name) ? [path] : [];
  });
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = findViolations(join(import.meta.dirname, '..'));
  for (const violation of violations) console.error(violation);
  process.exitCode = violations.length > 0 ? 1 : 0;
}
