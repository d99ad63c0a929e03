// Plain Node, no dependencies: this runs before anything is installed.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');

const MINIMUM_NODE = [20, 19];

/** Ends the process with one clear line when this Node is too old. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = MINIMUM_NODE;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  console.error(
    `pgfleet needs Node ${MINIMUM_NODE.join('.')} or newer, this is ${process.versions.node}`,
  );
  process.exit(1);
}

/** Runs a program in the root and resolves with its exit code; output goes to the terminal. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal ? 1 : code));
  });
}

/** Installs dependencies unless those of the lock file are there already. */
export async function install() {
  if (isInstalled()) return;
  console.error('pgfleet: installing dependencies (npm ci)');
  await must('npm', ['ci', '--no-audit', '--no-fund']);
}

/** Builds what changed since the last build. */
export async function build() {
  await must(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b']);
}

async function must(program, args) {
  const code = await run(program, args);
  if (code !== 0) process.exit(code);
}

// npm writes down what it installed. Packages for other machines are absent there.
function isInstalled() {
  const installed = readLock('node_modules/.package-lock.json');
  if (!installed) return false;
  const wanted = Object.entries(readLock('package-lock.json') ?? {});
  return wanted.every(([path, { version, optional, link }]) => {
    if (path === '' || link) return true;
    const found = installed[path];
    return found ? found.version === version : optional === true;
  });
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
