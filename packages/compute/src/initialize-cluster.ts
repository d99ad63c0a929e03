import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ADMIN_ROLE } from './admin-connection.ts';
import { ComputeError } from './compute-error.ts';
import { currentOwner, type Owner } from './owner.ts';
import type { SandboxedCommand, SandboxedPlace, SandboxLevel } from './sandbox.ts';
import { HOST_BASED_ACCESS } from './host-based-access.ts';
import { insidePaths, sandboxedCommand } from './sandboxed-command.ts';
import { spawnSandboxed } from './spawn-sandboxed.ts';

const NOBODY: Owner = { uid: 65534, gid: 65534 };
const MAX_OUTPUT_CHARACTERS = 4096;

// What pgfleet relies on is given on the command line at every start; this is only what belongs to
// the data, so that any Postgres of the same major version can open the directory.
const CONFIGURATION = `# pgfleet gives its settings on the command line of every start.
default_text_search_config = 'pg_catalog.english'
datestyle = 'iso, mdy'
timezone = 'UTC'
log_timezone = 'UTC'
`;

export interface InitializeOptions {
  /** `cloud_admin`'s SCRAM verifier. */
  readonly verifier: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs initdb: checksums on in every major version, C.UTF-8, superuser `cloud_admin`, logins over
 * Unix sockets with SCRAM only. Nothing is synced yet.
 *
 * @throws ComputeError `initdb_failed`; its output is the `cause`.
 */
export async function initializeCluster(
  level: SandboxLevel,
  place: SandboxedPlace,
  { verifier, signal }: InitializeOptions,
): Promise<void> {
  const user = await initdbUser(level, place.owner);
  const passwordFile = join(place.socketDirectory, 'password');
  await writeFile(passwordFile, `${verifier}\n`, { mode: 0o600 });
  await giveTo(user, [place.dataDirectory, place.socketDirectory, passwordFile]);
  const { data, run } = insidePaths(level, place);
  await runInitdb(
    level,
    { ...place, owner: user },
    {
      args: [
        ['-D', data, '-U', ADMIN_ROLE, `--pwfile=${run}/password`, '--auth=scram-sha-256'],
        ['--data-checksums', '--encoding=UTF8', '--no-sync', '--no-instructions'],
        localeArguments(place.view.major),
      ].flat(),
      signal,
    },
  );
  await rm(passwordFile);
  await writeFile(join(place.dataDirectory, 'postgresql.conf'), CONFIGURATION);
  await writeFile(join(place.dataDirectory, 'pg_hba.conf'), HOST_BASED_ACCESS);
  if (user !== place.owner) await giveTreeTo(place.owner, place);
}

/** Makes a cluster at rest durable. */
export function syncCluster(
  level: SandboxLevel,
  place: SandboxedPlace,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { data } = insidePaths(level, place);
  return runInitdb(level, place, { args: ['-D', data, '--sync-only'], signal });
}

interface InitdbRun {
  readonly args: readonly string[];
  readonly signal: AbortSignal | undefined;
}

async function runInitdb(
  level: SandboxLevel,
  place: SandboxedPlace,
  { args, signal }: InitdbRun,
): Promise<void> {
  signal?.throwIfAborted();
  const initdb = join(insidePaths(level, place).bin, 'initdb');
  const command = sandboxedCommand(level, place, [initdb, ...args]);
  const named = level === 'bwrap' || place.owner || (await hasName(currentOwner().uid));
  const child = spawnSandboxed(named ? command : underAnotherName(command), { output: 'pipe' });
  const { code, output } = await outcome(child, signal);
  signal?.throwIfAborted();
  if (code === 0) return;
  const cause = new Error(output.slice(-MAX_OUTPUT_CHARACTERS));
  throw new ComputeError('initdb_failed', 'initdb failed', { cause });
}

async function outcome(
  child: ChildProcess,
  signal: AbortSignal | undefined,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const abort = () => child.kill('SIGTERM');
  signal?.addEventListener('abort', abort, { once: true });
  child.stdout?.resume();
  try {
    const [output, exit] = await Promise.all([text(child.stderr!), once(child, 'close')]);
    return { code: (exit as [number | null])[0], output };
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

// The builtin provider knows C.UTF-8 by itself and sorts the same on every machine.
function localeArguments(major: number): readonly string[] {
  const locale = process.platform === 'darwin' ? 'C' : 'C.UTF-8';
  if (major < 17) return [`--locale=${locale}`];
  return [`--locale=${locale}`, '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
}

// initdb insists on a name for its user. The private root of the stronger levels has one for any.
async function initdbUser(
  level: SandboxLevel,
  owner: Owner | undefined,
): Promise<Owner | undefined> {
  const hasPrivatePasswd = level === 'bwrap' || level === 'unshare';
  if (!owner || hasPrivatePasswd || (await hasName(owner.uid))) return owner;
  return NOBODY;
}

// An ordinary user without a name, as in many containers, is nobody's in a user namespace; the files
// still belong to the user.
function underAnotherName({ argv, ...rest }: SandboxedCommand): SandboxedCommand {
  const [program, ...args] = argv.filter((word) => word !== '--map-current-user');
  const map = ['--user', `--map-user=${NOBODY.uid}`, `--map-group=${NOBODY.gid}`];
  if (program === 'unshare') return { ...rest, argv: [program, ...map, ...args] };
  return { ...rest, argv: ['unshare', ...map, ...argv] };
}

async function hasName(uid: number): Promise<boolean> {
  const passwd = await readFile('/etc/passwd', 'utf8');
  return passwd.split('\n').some((line) => line.split(':')[2] === String(uid));
}

async function giveTo(user: Owner | undefined, paths: readonly string[]): Promise<void> {
  if (!user || currentOwner().uid !== 0) return;
  for (const path of paths) await chown(path, user.uid, user.gid);
}

async function giveTreeTo(owner: Owner | undefined, place: SandboxedPlace): Promise<void> {
  const { dataDirectory, socketDirectory } = place;
  const names = await readdir(dataDirectory, { recursive: true });
  const paths = names.map((name) => join(dataDirectory, name));
  await giveTo(owner, [dataDirectory, socketDirectory, ...paths]);
}
