#!/usr/bin/env node
// npm test: everything, from a bare clone. `npm test -- lint packages` runs only these parts,
// `npm test -- packages packages/kit` hands paths on to vitest.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, install, requireNode, root, run } from './install.mjs';

const tool = (path, ...args) => [join(root, path), ...args];

const checks = {
  lint: tool('node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings'),
  arrows: tool('scripts/check-arrows.mjs'),
  format: tool('node_modules/@biomejs/biome/bin/biome', 'format', '.'),
  unused: tool('node_modules/knip/bin/knip.js'),
};
const suites = ['packages', 'scripts', 'e2e'];
const parts = [...Object.keys(checks), ...suites];

const wanted = process.argv.slice(2).filter((argument) => parts.includes(argument));
const paths = process.argv.slice(2).filter((argument) => !parts.includes(argument));
const isWanted = (part) => wanted.length === 0 || wanted.includes(part);

requireNode();
await install();
await build();

const total = { passed: 0, failed: 0 };
const failures = [];
for (const name of Object.keys(checks).filter(isWanted)) {
  console.log(`\n# ${name}`);
  count(
    name,
    (await run(process.execPath, checks[name], { stdio: ['ignore', 1, 2] })) === 0
      ? [1, 0]
      : [0, 1],
  );
}
for (const suite of suites.filter(isWanted)) {
  console.log(`\n# ${suite}`);
  count(suite, await runSuite(suite));
}
for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

function count(part, [passed, failed]) {
  total.passed += passed;
  total.failed += failed;
  if (failed > 0) failures.push(`${part} (${failed})`);
}

// A suite that ends badly without a failed test, for example for want of a report, is a failure.
async function runSuite(project) {
  const directory = mkdtempSync(join(tmpdir(), 'pgfleet-test-'));
  const report = join(directory, 'report.json');
  try {
    const vitest = tool('node_modules/vitest/vitest.mjs', 'run', '--project', project);
    const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts/report.mjs')}`];
    const code = await run(process.execPath, [...vitest, ...reporters, ...paths], {
      stdio: ['ignore', 1, 2],
      env: { ...process.env, PGFLEET_TEST_REPORT: report },
    });
    const { passed, failed } = JSON.parse(readFileSync(report, 'utf8'));
    failures.push(...failed);
    return [passed, code === 0 ? failed.length : Math.max(1, failed.length)];
  } catch (error) {
    console.error(error);
    return [0, 1];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
