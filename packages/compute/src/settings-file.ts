import { hasErrorCode, waitUntil } from '@pgfleet/kit';
import type { AdminConnection } from './admin-connection.ts';
import { ComputeError } from './compute-error.ts';
import { DataDirectory } from './data-directory.ts';
import { settingsRefused } from './refused-settings.ts';
import type { InstanceSettings, PostgresSettings } from './settings.ts';

/*
 * The settings of an instance that can change while it runs stand in a file of its data directory,
 * which is the server's configuration file. It is written anew before every start, so that a copy of
 * the directory takes nothing over, and while the instance runs, which is then told to read it.
 *
 * A tenant who gets to the file changes settings that are the tenant's own to choose: the others are
 * on the command line.
 */

/** The configuration file, within the data directory. */
export const SETTINGS_FILE = 'pgfleet.conf';

// What belongs to the data: the initial time zone and the like.
const HEAD = "include_if_exists 'postgresql.conf'\n";
const MAX_BYTES = 1024 * 1024;
const RELOAD_TIMEOUT_MS = 10_000;
const RELOAD_INTERVAL_MS = 5;

/** Writes the file for the next start. */
export async function writeSettings(
  dataDirectory: string,
  settings: PostgresSettings,
): Promise<void> {
  using files = DataDirectory.open(dataDirectory);
  const text = settingsText(settings);
  if (readIfThere(files)?.equals(Buffer.from(text))) return;
  await files.write(SETTINGS_FILE, text);
}

/** The settings of a running instance, as far as this process has seen it take them over. */
export class LiveSettings {
  readonly #dataDirectory: string;
  /** The file's text that the instance has read for sure: whoever wrote the file may not have told it. */
  #inForce: string | undefined;

  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory;
  }

  /**
   * Tells the instance its settings anew; resolves when new statements follow them. What only a start
   * can change waits for the next one: see {@link readOutdated}. May be repeated when it failed.
   *
   * @throws ComputeError `settings_refused` when Postgres does not take one of them: then none of them
   * was changed.
   */
  async change(connection: AdminConnection, settings: PostgresSettings): Promise<void> {
    using files = DataDirectory.open(this.#dataDirectory);
    const before = readIfThere(files);
    const text = settingsText(settings);
    const isWritten = before?.equals(Buffer.from(text)) === true;
    if (isWritten && this.#inForce === text) return;
    if (!isWritten) await files.write(SETTINGS_FILE, text);
    const refused = await readRefused(connection);
    if (refused.length > 0) {
      await files.write(SETTINGS_FILE, this.#inForce ?? before ?? HEAD);
      throw settingsRefused(refused);
    }
    this.#inForce = undefined;
    await reload(connection);
    this.#inForce = text;
  }
}

/**
 * Names the settings that an instance will have only after its next start. Of one that stood in the
 * file once, but neither at the start nor now, Postgres goes on to say that it waits.
 *
 * Of `raised`, which its command line gave more of than was asked for, it has enough for as long as no
 * more is asked for than that.
 */
export async function readOutdated(
  connection: AdminConnection,
  { fixed, changeable }: InstanceSettings,
  raised: readonly string[] = [],
): Promise<readonly string[]> {
  const rows = await connection.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings
      WHERE (pending_restart AND (source = 'configuration file' OR name = ANY ($1)))
        OR (name = 'wal_level' AND setting <> $2)
      ORDER BY name`,
    [Object.keys(changeable), fixed['wal_level'] ?? ''],
  );
  const hasEnough = ({ name, setting }: { readonly name: string; readonly setting: string }) =>
    raised.includes(name) && Number(changeable[name]) <= Number(setting);
  return rows.filter((row) => !hasEnough(row)).map(({ name }) => name);
}

// Whoever wrote it last may have been killed half way, and a tenant may have put something else there.
function readIfThere(files: DataDirectory): Buffer | undefined {
  try {
    return files.read(SETTINGS_FILE, MAX_BYTES);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT') || error instanceof ComputeError) return undefined;
    throw error;
  }
}

// Of one that only a start can change, Postgres says no more than that it is not changed; and of one
// that was taken out of the file not even its name or a place in a file.
async function readRefused(connection: AdminConnection): Promise<readonly string[]> {
  const rows = await connection.query<{ name: string | null }>(
    `SELECT DISTINCT coalesce(f.name, 'a setting') AS name
      FROM pg_file_settings f LEFT JOIN pg_settings s ON s.name = lower(f.name)
      WHERE f.error IS NOT NULL AND s.context IS DISTINCT FROM 'postmaster'
        AND (f.name IS NOT NULL OR f.sourcefile IS NOT NULL)`,
  );
  return rows.map(({ name }) => name ?? '');
}

// The postmaster is told, and tells its children: this connection's own among them.
async function reload(connection: AdminConnection): Promise<void> {
  const readLoadTime = async () => {
    const rows = await connection.query<{ at: string }>('SELECT pg_conf_load_time()::text AS at');
    return rows[0]?.at;
  };
  const before = await readLoadTime();
  await connection.query('SELECT pg_reload_conf()');
  await waitUntil(async () => (await readLoadTime()) !== before, {
    what: 'postgres to read its settings again',
    timeoutMs: RELOAD_TIMEOUT_MS,
    intervalMs: RELOAD_INTERVAL_MS,
  });
}

/** The file's text. */
export function settingsText(settings: PostgresSettings): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quoted(value)}\n`);
  return HEAD + lines.join('');
}

// Backslashes escape within the quotes of a configuration file, where a line may not end.
function quoted(value: string): string {
  const escaped = value
    .replaceAll('\\', String.raw`\\`)
    .replaceAll("'", "''")
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`);
  return `'${escaped}'`;
}
