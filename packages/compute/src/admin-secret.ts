import { randomBytes } from 'node:crypto';
import { createScramVerifier } from '@pgfleet/pgwire';

const SECRET_BYTES = 32;

/** Makes a new secret for `cloud_admin`. */
export function createAdminSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/**
 * Makes the verifier of a secret from {@link createAdminSecret}. A secret of 256 random bits cannot
 * be guessed, so stretching it would only slow down every login.
 */
export function adminVerifier(secret: string): Promise<string> {
  return createScramVerifier(secret, { iterations: 1 });
}
