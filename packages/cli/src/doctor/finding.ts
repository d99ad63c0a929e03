/** What `doctor` thinks of one thing: `problem` keeps pgfleet from working as it should. */
export type Verdict = 'good' | 'note' | 'problem';

export interface Finding {
  /** What was looked at: `node`, `volume`, `sandbox`, … */
  readonly check: string;
  readonly verdict: Verdict;
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

export interface DoctorReport {
  /** True when no finding is a problem. */
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

/** A check looks at one thing and never changes it. */
export type Check<Subject> = (subject: Subject) => Promise<readonly Finding[]>;
