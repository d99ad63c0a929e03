#!/usr/bin/env node
// npm run bench -- NAME --json: builds what is missing and runs a benchmark.
import { join } from 'node:path';
import { build, install, requireNode, root, run } from './install.mjs';

requireNode();
await install();
await build();
const main = join(root, 'bench/dist/main.js');
process.exitCode = await run(process.execPath, [main, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
