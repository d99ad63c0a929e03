/**
 * Splits the `options` startup parameter into words as the server does (`pg_split_opts`): white
 * space separates, a backslash takes the next character literally.
 */
export function splitStartupOptions(options: string): string[] {
  const words = options.match(/(?:\\[\s\S]|[^\s\\])+/g) ?? [];
  return words.map((word) => word.replace(/\\([\s\S])/g, '$1'));
}

/** The inverse of {@link splitStartupOptions}. */
export function joinStartupOptions(words: readonly string[]): string {
  return words.map((word) => word.replace(/[\s\\]/g, '\\$&')).join(' ');
}
