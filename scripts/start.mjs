#!/usr/bin/env node
// npm start: installs and builds what is missing, then runs `pgfleet up` in the foreground.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, install, requireNode, root } from './install.mjs';

requireNode();
await install();
await build();

const main = join(root, 'packages/cli/dist/main.js');
const up = spawn(process.execPath, [main, 'up'], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => up.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal));
}
up.once('exit', (code, signal) => {
  process.exitCode = signal ? 1 : code;
});
