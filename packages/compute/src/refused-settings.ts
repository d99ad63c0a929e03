import { ComputeError } from './compute-error.ts';

/** The error for settings that Postgres refuses; it does not always say which. */
export function settingsRefused(names: readonly string[]): ComputeError {
  const which = names.length > 0 ? names.join(', ') : 'a setting';
  return new ComputeError('settings_refused', `Postgres does not accept the value of ${which}`);
}

/** Those of some settings that Postgres speaks of; all else that it says depends on its language. */
export function mentioned(complaint: string, names: readonly string[]): readonly string[] {
  const words = new Set(complaint.toLowerCase().match(/[\w.]+/g));
  return names.filter((name) => words.has(name.toLowerCase()));
}
