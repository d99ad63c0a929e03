import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findViolations } from './check-arrows.mjs';

let root;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pgfleet-arrows-'));
  for (const directory of ['packages', 'bench', 'examples', 'test/e2e']) {
    mkdirSync(join(root, directory), { recursive: true });
  }
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path, text) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test('imports that point down are allowed', () => {
  write('packages/host/src/a.ts', "import { openVolume } from '@pgfleet/volume';\n");
  write('packages/host/package.json', '{"dependencies":{"@pgfleet/kit":"0.1.0"}}');
  write('packages/cli/src/b.ts', "import.meta.resolve('@pgfleet/host/main');\n");
  write('packages/proxy/src/c.test.ts', "import { psql } from '@pgfleet/testkit';\n");
  write('packages/kit/src/d.ts', "// as in: import x from '@pgfleet/cli'\n");
  expect(findViolations(root)).toEqual([]);
});

test.each([
  [
    'packages/volume/src/a.ts',
    "import type { X } from '@pgfleet/compute';",
    'must not use compute',
  ],
  ['packages/kit/src/a.ts', "export * from '@pgfleet/contract';", 'must not use contract'],
  ['packages/proxy/src/a.ts', "await import('@pgfleet/control');", 'must not use control'],
  ['packages/host/src/a.ts', "import x from '@pgfleet/kit/src/wait.ts';", 'deep import'],
  ['packages/host/src/a.ts', "import.meta.resolve('@pgfleet/proxy/main');", 'deep import'],
  ['packages/host/src/a.ts', "import x from '../../kit/src/wait.ts';", 'leads out of the package'],
  ['packages/host/src/a.ts', "import x from '@pgfleet/testkit';", 'outside of tests'],
  ['examples/src/a.ts', "import x from '@pgfleet/contract';", 'what everybody has from npm'],
  ['packages/kit/package.json', '{"dependencies":{"@pgfleet/host":"0.1.0"}}', 'must not use host'],
])('%s with %s is a violation', (path, text, problem) => {
  write(path, text);
  expect(findViolations(root)).toEqual([expect.stringContaining(problem)]);
});
