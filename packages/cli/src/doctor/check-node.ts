import type { Finding } from './finding.ts';

const MINIMUM = [20, 19] as const;

/** Whether this Node is one that pgfleet is made for. */
export function checkNode(): Promise<readonly Finding[]> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
  const message = `Node ${process.versions.node}`;
  if (recent) return Promise.resolve([{ check: 'node', verdict: 'good', message }]);
  const advice = `install Node ${MINIMUM.join('.')} or newer`;
  return Promise.resolve([{ check: 'node', verdict: 'problem', message, advice }]);
}
