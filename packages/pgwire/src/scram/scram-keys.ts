import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { saslPrep } from './sasl-prep.ts';

/** What a login needs instead of the password; as secret as the password itself. */
export type ScramKeys = { readonly clientKey: Buffer; readonly serverKey: Buffer };

/** SHA-256 throughout: salted password, keys, proofs and signatures have this many bytes. */
export const scramKeyBytes = 32;

const derive = promisify(pbkdf2);

/** Derives the keys from a password off the main thread (RFC 5802 § 3); milliseconds of CPU. */
export async function deriveScramKeys(
  password: string,
  { salt, iterations }: { readonly salt: Buffer; readonly iterations: number },
): Promise<ScramKeys> {
  const salted = await derive(saslPrep(password), salt, iterations, scramKeyBytes, 'sha256');
  return { clientKey: hmac(salted, 'Client Key'), serverKey: hmac(salted, 'Server Key') };
}

export function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

export function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

export function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}

/** Compares secrets in time that depends on their length only. */
export function secretsEqual(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
