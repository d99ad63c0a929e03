import { createHash } from 'node:crypto';

const DIGITS = 20;

/** A name that follows from a text, as random as the ids of timelines and of the same form. */
export function derivedName(text: string): string {
  const digest = createHash('sha256').update(text).digest();
  return Array.from(digest.subarray(0, DIGITS), (byte) => (byte % 36).toString(36)).join('');
}
