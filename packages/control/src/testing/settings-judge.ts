import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { postgresPrograms } from '@pgfleet/testkit';

/** Postgres refuses to run as root. */
const unprivileged = userInfo().uid === 0 ? { uid: 65534, gid: 65534 } : {};

const supportedMajors = [14, 15, 16, 17, 18];

interface Ending {
  readonly output: string;
  /** What it complained of; nothing when it went well. */
  readonly complaint: string;
}

/** The major versions that can be asked on this machine. */
export async function installedMajors(): Promise<readonly number[]> {
  const found = await Promise.allSettled(supportedMajors.map(postgresPrograms));
  return supportedMajors.filter((_, at) => found[at]?.status === 'fulfilled');
}

/**
 * A cluster at rest of a real Postgres, which says what it thinks of settings. It names all that it
 * does not take from one file, so that one run judges hundreds of them.
 */
export class SettingsJudge implements Disposable {
  readonly #directory: string;
  readonly #programs: string;

  private constructor(directory: string, programs: string) {
    this.#directory = directory;
    this.#programs = programs;
  }

  static async open(major: number): Promise<SettingsJudge> {
    const programs = await postgresPrograms(major);
    const directory = mkdtempSync(join(tmpdir(), 'pgfleet-settings-'));
    if (unprivileged.uid !== undefined) chownSync(directory, unprivileged.uid, unprivileged.gid);
    const judge = new SettingsJudge(directory, programs);
    const options = ['-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync'];
    const { complaint } = await judge.#run('initdb', ['-D', join(directory, 'data'), ...options]);
    if (complaint !== '') throw new Error(`initdb failed: ${complaint}`);
    return judge;
  }

  /** What Postgres has against these settings when it reads them at a start. */
  async complaintAbout(settings: Readonly<Record<string, string>>): Promise<string> {
    const { complaint } = await this.#postgres(settings, ['-C', 'data_directory']);
    return complaint;
  }

  /** Starts with these settings, runs a statement of one line and stops. */
  startWith(settings: Readonly<Record<string, string>>, statement: string): Promise<Ending> {
    return this.#postgres(settings, ['postgres'], { mode: ['--single'], statement });
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #postgres(
    settings: Readonly<Record<string, string>>,
    last: readonly string[],
    { mode = [], statement = '' }: { readonly mode?: string[]; readonly statement?: string } = {},
  ): Promise<Ending> {
    const file = join(this.#directory, 'judged.conf');
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}\n`);
    writeFileSync(file, lines.join(''));
    const place = ['-D', join(this.#directory, 'data'), '-c', `config_file=${file}`];
    return this.#run('postgres', [...mode, ...place, ...last], statement);
  }

  async #run(program: string, args: readonly string[], input = ''): Promise<Ending> {
    const child = spawn(join(this.#programs, program), args, {
      cwd: this.#directory,
      ...unprivileged,
    });
    // It may end without having read any.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const [output, complaint, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { output, complaint: code === 0 ? '' : complaint || `exit code ${code}` };
  }
}

function quoted(value: string): string {
  return `'${value.replaceAll('\\', String.raw`\\`).replaceAll("'", "''")}'`;
}
