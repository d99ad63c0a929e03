import type { DoctorReport, Finding, Verdict } from './finding.ts';

const SIGNS: Readonly<Record<Verdict, string>> = { good: 'ok', note: '--', problem: '!!' };

/** Renders a report for the terminal, one finding a line, advice below it. */
export function renderReport(report: DoctorReport): string {
  const width = Math.max(...report.findings.map(({ check }) => check.length));
  const lines = report.findings.flatMap((finding) => renderFinding(finding, width));
  const problems = report.findings.filter(({ verdict }) => verdict === 'problem').length;
  const end = problems === 0 ? 'no problems' : `${problems} problem${problems === 1 ? '' : 's'}`;
  return [...lines, end].join('\n');
}

function renderFinding({ check, verdict, message, advice }: Finding, width: number): string[] {
  const line = `${SIGNS[verdict]} ${check.padEnd(width)}  ${message}`;
  return advice === undefined ? [line] : [line, `${' '.repeat(width + 5)}→ ${advice}`];
}
