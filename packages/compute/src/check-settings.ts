import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { readControlBytes } from './control-file.ts';
import { DataDirectory } from './data-directory.ts';
import type { InstallationView } from './installation-view.ts';
import { effectiveOwner, type Owner } from './owner.ts';
import { mentioned, settingsRefused } from './refused-settings.ts';
import type { Sandbox, SandboxedPlace } from './sandbox.ts';
import { insidePaths, sandboxedCommand } from './sandboxed-command.ts';
import { SETTINGS_FILE, settingsText } from './settings-file.ts';
import type { InstanceSettings } from './settings.ts';
import { spawnSandboxed } from './spawn-sandboxed.ts';

/*
 * Asks Postgres whether it would start with some settings, without a start: `postgres -C` reads them as
 * a start does and prints one of them. Asked for one that it works out itself, since version 15 it also
 * compares them with the cluster's control file and loads the libraries first. It makes no shared
 * memory, so it does not notice when there is too little for it.
 *
 * It runs in a directory of its own, which has nothing of the cluster but a copy of that file: whether
 * the cluster runs makes no difference.
 */

export interface CheckSettingsOptions {
  readonly view: InstallationView;
  readonly sandbox: Pick<Sandbox, 'level'>;
  /** Of the cluster, which may run. */
  readonly dataDirectory: string;
  /** Where the check may keep things for a moment; its owner has to get there. */
  readonly scratchDirectory: string;
  /** Required when root, ignored otherwise. */
  readonly owner?: Owner;
  readonly settings: InstanceSettings;
  /** Those that are not in question: with what keeps Postgres from starting even so, nobody is refused. */
  readonly without: InstanceSettings;
}

const COMPUTED_SETTING = 'wal_segment_size';
const TIMEOUT_MS = 10_000;
const MAX_COMPLAINT_CHARACTERS = 8192;

/** @throws ComputeError `settings_refused` when Postgres would not start because of the settings. */
export async function checkSettings(options: CheckSettingsOptions): Promise<void> {
  const owner = effectiveOwner(options.owner);
  const directory = await mkdtemp(join(options.scratchDirectory, 'c'));
  try {
    const place = await prepare(directory, options, owner);
    const complaint = await complaintAbout(options.settings, place, options.sandbox);
    if (complaint === undefined) return;
    if ((await complaintAbout(options.without, place, options.sandbox)) !== undefined) return;
    throw settingsRefused(mentioned(complaint, namesInQuestion(options)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function namesInQuestion({ settings, without }: CheckSettingsOptions): readonly string[] {
  const { changeable } = settings;
  return Object.keys(changeable).filter((name) => changeable[name] !== without.changeable[name]);
}

async function prepare(
  directory: string,
  { view, dataDirectory }: CheckSettingsOptions,
  owner: Owner | undefined,
): Promise<SandboxedPlace> {
  const inside = {
    dataDirectory: join(directory, 'data'),
    socketDirectory: join(directory, 'run'),
  };
  await chmod(directory, 0o711);
  for (const path of Object.values(inside)) {
    await mkdir(path, { mode: 0o700 });
    if (owner) await chown(path, owner.uid, owner.gid);
  }
  using files = DataDirectory.open(inside.dataDirectory);
  await files.write('PG_VERSION', `${view.major}\n`);
  await files.clear('global');
  await files.write('global/pg_control', readControlBytes(dataDirectory));
  return { view, owner, ...inside };
}

// What Postgres says when it does not like them.
async function complaintAbout(
  { fixed, changeable }: InstanceSettings,
  place: SandboxedPlace,
  { level }: Pick<Sandbox, 'level'>,
): Promise<string | undefined> {
  using files = DataDirectory.open(place.dataDirectory);
  await files.write(SETTINGS_FILE, settingsText(changeable));
  await files.remove('postmaster.pid');
  const { bin, data } = insidePaths(level, place);
  const given = { ...fixed, config_file: join(data, SETTINGS_FILE) };
  const command = sandboxedCommand(level, place, [
    join(bin, 'postgres'),
    '-D',
    data,
    '-C',
    COMPUTED_SETTING,
    ...Object.entries(given).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  return await outcome(spawnSandboxed(command, { output: 'pipe' }));
}

// One that was killed has said nothing about settings.
async function outcome(child: ChildProcess): Promise<string | undefined> {
  const timer = setTimeout(() => killGroup(child), TIMEOUT_MS);
  try {
    child.stdout?.resume();
    const [output] = await Promise.all([endOf(child.stderr!), once(child, 'close')]);
    return child.exitCode === null || child.exitCode === 0 ? undefined : output;
  } finally {
    clearTimeout(timer);
  }
}

// It leads a group of its own, to which belongs what it has forked.
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

async function endOf(output: Readable): Promise<string> {
  let text = '';
  for await (const chunk of output as AsyncIterable<Buffer>) {
    text = (text + chunk.toString('utf8')).slice(-MAX_COMPLAINT_CHARACTERS);
  }
  return text;
}
