export interface Effort {
  readonly count: number;
  /** After that no further sample is begun. */
  readonly budgetMs: number;
}

/** Takes samples one after the other: at least one, and no more than time allows. */
export async function samplesWithin<T>(
  { count, budgetMs }: Effort,
  take: (index: number) => Promise<T>,
): Promise<T[]> {
  const start = performance.now();
  const samples: T[] = [];
  do samples.push(await take(samples.length));
  while (samples.length < count && performance.now() - start < budgetMs);
  return samples;
}
