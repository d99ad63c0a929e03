import { invalidField } from '../invalid-request.ts';
import type { SettingShape } from './setting-shape.ts';
import { isIn, tenantSettings } from './tenant-settings.ts';

/*
 * The settings of Postgres that a tenant may choose for a whole compute: a list of what may be
 * chosen, so that whatever a new version of Postgres brings is refused until somebody has thought
 * about it. What a session sets for itself is none of pgfleet's business.
 */

export type PgSettings = Readonly<Record<string, string>>;

/**
 * A setting of an extension, with its prefix: Postgres takes any, whether or not it is loaded. A
 * statement may name one with more dots or with a `$`, a file of settings may not.
 */
const extensionSetting = /^[a-z_]\w*\.[a-z_]\w*$/i;
const serverSetting = /^[a-z_]\w*$/i;
const MAX_VALUE_LENGTH = 8192;

/**
 * What decides where pgfleet finds a compute, how it logs in, what survives a crash, what SQL of its own
 * means; and what is for developers of Postgres or depends on files of the machine.
 */
const ownedByPgfleet: readonly RegExp[] = [
  /^(allow|archive|backtrace|db_user|debug|event|extension|file|force|gss|huge|icu|ignore|io|jit|krb)_/,
  /^(lc|lo|log|logging|max_standby|md5|oauth|old|post|pre|primary|promote|recovery|remove|restore)_/,
  /^(restrict|scram|send|shared|ssl|summarize|sync|synchronized|syslog|tcp|trace|unix_socket|wal)_/,
  /_(file|directory|directories|command|library|libraries|path|provider|tablespace|tablespaces)$/,
  /^(bonjour|cluster_name|hot_standby|listen_addresses|password_encryption|port|ssl|summarize_wal)/,
  /^(max|reserved|superuser_reserved)_connections$/,
  /^(authentication|transaction)_timeout$/,
  /^(client_encoding|default_table_access_method|timezone_abbreviations)$/,
  /^(data_sync_retry|exit_on_error|restart_after_crash|zero_damaged_pages)$/,
  /^(fsync|full_page_writes|synchronous_standby_names|checkpoint_warning|vacuum_defer_cleanup_age)$/,
  /^(dynamic_shared_memory_type|min_dynamic_shared_memory|max_files_per_process|max_stack_depth)$/,
  /^(createrole_self_grant|max_notify_queue_pages|session_replication_role)$/,
  /^(backslash_quote|quote_all_identifiers|standard_conforming_strings)$/,
  /^(application_name|track_activities|track_counts|update_process_title)$/,
  /^transaction_(isolation|read_only|deferrable)$/,
];

/** Where the settings stand in the request, and which Postgres they are for. */
export interface SettingsPlace {
  readonly field: string;
  readonly pgMajor: number;
  /** What is in force already: it was accepted once, and whoever changes another setting sends it too. */
  readonly known?: PgSettings | undefined;
}

/**
 * Checks the Postgres settings that a client asks for.
 *
 * @throws PgfleetError `invalid_request` for a setting that this Postgres does not have, one that is
 * not a tenant's to change, or a value that it cannot have.
 */
export function requirePgSettings(
  requested: PgSettings | undefined,
  { field, pgMajor, known = {} }: SettingsPlace,
): void {
  const seen = new Set<string>();
  for (const [given, value] of Object.entries(requested ?? {})) {
    const name = given.toLowerCase();
    const problem = seen.has(name)
      ? `${given} is given twice`
      : known[given] === value
        ? undefined
        : (nameProblem(given, pgMajor) ?? valueProblem(name, value, pgMajor));
    if (problem !== undefined) throw invalidField(field, problem);
    seen.add(name);
  }
}

/** Whether a change from one set of settings to another counts only after a start. */
export function needsRestart(before: PgSettings, after: PgSettings, pgMajor: number): boolean {
  const [old, present] = [lowered(before), lowered(after)];
  const names = new Set([...Object.keys(old), ...Object.keys(present)]);
  return [...names].some(
    (name) => old[name] !== present[name] && countsAtStart(shapeOf(name), pgMajor),
  );
}

// The name as it was given: there are letters outside of ASCII that turn into some of it.
function nameProblem(given: string, pgMajor: number): string | undefined {
  if (extensionSetting.test(given)) return undefined;
  const name = given.toLowerCase();
  if (!serverSetting.test(given)) return `"${name}" is not a setting`;
  const shape = shapeOf(name);
  if (shape && isIn(shape, pgMajor)) return undefined;
  const isOwned = ownedByPgfleet.some((pattern) => pattern.test(name));
  return isOwned ? `${name} cannot be changed` : `Postgres ${pgMajor} has no setting "${name}"`;
}

function valueProblem(name: string, value: string, pgMajor: number): string | undefined {
  if (value.length > MAX_VALUE_LENGTH) return `${name} is too long`;
  const problem = shapeOf(name)?.problem(value, pgMajor);
  return problem === undefined ? undefined : `${name} ${problem}`;
}

function shapeOf(name: string): SettingShape | undefined {
  return Object.hasOwn(tenantSettings, name) ? tenantSettings[name] : undefined;
}

function countsAtStart(shape: SettingShape | undefined, pgMajor: number): boolean {
  const { restart = false } = shape ?? {};
  return typeof restart === 'number' ? pgMajor <= restart : restart;
}

function lowered(given: PgSettings): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
