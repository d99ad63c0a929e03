/** What a value of a setting of Postgres looks like, and when a change of it counts. */
export interface SettingShape {
  /** Says what is wrong with a text in a major version; undefined when nothing is. */
  readonly problem: (text: string, pgMajor: number) => string | undefined;
  /** Only a start takes a change over: in every major version, or up to this one. */
  readonly restart?: boolean | number;
  /** The first and the last major version that has it; all of them when left out. */
  readonly since?: number;
  readonly until?: number;
}

/** As Postgres reads a boolean: a word or the beginning of one that says which is meant. */
export const bool: SettingShape = {
  problem: (text) =>
    /^(on|off?|t(r(ue?)?)?|f(a(l(se?)?)?)?|y(es?)?|no?|1|0)$/i.test(text)
      ? undefined
      : 'must be on or off',
};

const booleanWords = ['on', 'off', 'true', 'false', 'yes', 'no', '1', '0'];

/** One of some words; where `on` is one of them, other whole words that say so as well. */
export function oneOf(...words: readonly string[]): SettingShape {
  const known = new Set(words.includes('on') ? [...words, ...booleanWords] : words);
  return {
    problem: (text) =>
      known.has(text.toLowerCase()) ? undefined : `must be one of ${words.join(', ')}`,
  };
}

/** A setting that became another kind of setting with a major version. */
export function changedIn(major: number, old: SettingShape, present: SettingShape): SettingShape {
  return {
    problem: (text, pgMajor) => (pgMajor < major ? old : present).problem(text, pgMajor),
  };
}
