/** One line of a benchmark: what was measured, beside the baseline of the same run. */
export interface Row {
  readonly bench: string;
  readonly case: string;
  /** Samples on our side. */
  readonly n: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly baseline: string;
  readonly baseline_p50_ms: number;
  /** Ours divided by the baseline, at the median. */
  readonly ratio: number;
  readonly [detail: string]: string | number | boolean;
}

export interface Comparison {
  readonly bench: string;
  readonly case: string;
  readonly samplesMs: readonly number[];
  readonly baseline: string;
  readonly baselineMs: readonly number[];
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** Reduces the samples of both sides to a row. */
export function toRow({ samplesMs, baselineMs, details, ...names }: Comparison): Row {
  const ours = percentile(samplesMs, 0.5);
  const theirs = percentile(baselineMs, 0.5);
  return {
    bench: names.bench,
    case: names.case,
    n: samplesMs.length,
    p50_ms: round(ours),
    p99_ms: round(percentile(samplesMs, 0.99)),
    baseline: names.baseline,
    baseline_p50_ms: round(theirs),
    ratio: round(ours / theirs),
    ...details,
  };
}

/** The smallest sample that at least this share of all samples does not exceed (nearest rank). */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
