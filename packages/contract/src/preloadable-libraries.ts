/** What is known of a library that tenants may have preloaded where it is installed. */
export interface PreloadableLibrary {
  readonly description: string;
  /** Whether an extension of the same name goes with it, whose version counts. */
  readonly hasExtension: boolean;
}

/** The libraries that tenants may have preloaded, by name. */
export const preloadableLibraries: Readonly<Record<string, PreloadableLibrary>> = {
  auto_explain: { description: 'logs the plans of slow statements', hasExtension: false },
  pg_hint_plan: { description: 'follows hints for the planner in comments', hasExtension: true },
  pg_prewarm: {
    description: 'loads what was in memory before a restart again',
    hasExtension: true,
  },
  pg_stat_statements: { description: 'counts what statements cost', hasExtension: true },
};
