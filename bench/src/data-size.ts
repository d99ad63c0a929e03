/** How much data a benchmark works on. */
export interface DataSize {
  /** As it was asked for: `10MB`, `1GB`. */
  readonly label: string;
  readonly bytes: number;
}

const UNITS = { MB: 1e6, GB: 1e9 } as const;
// What pgbench makes at scale 1, indexes included.
const BYTES_PER_SCALE = 15e6;

/** Reads `10MB,1GB`. @throws Error that says what is wrong. */
export function parseSizes(text: string): readonly DataSize[] {
  return text.split(',').map((word) => {
    const [, number, unit] = /^(\d+)(MB|GB)$/.exec(word.trim()) ?? [];
    const bytes = Number(number) * UNITS[unit as keyof typeof UNITS];
    if (bytes > 0) return { label: `${number}${unit}`, bytes };
    throw new Error(`${JSON.stringify(word)} is no size such as 10MB or 1GB`);
  });
}

/** The scale at which the tables of pgbench are about that large; at least the smallest one. */
export function pgbenchScale({ bytes }: DataSize): number {
  return Math.max(1, Math.round(bytes / BYTES_PER_SCALE));
}
