import { randomBytes } from 'node:crypto';
import { ProtocolError } from '../protocol-error.ts';
import {
  deriveScramKeys,
  hmac,
  scramKeyBytes,
  secretsEqual,
  sha256,
  type ScramKeys,
} from './scram-keys.ts';

/** What a server stores of a password (`pg_authid.rolpassword`), decoded. */
export type ScramVerifier = {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
};

/** Postgres' default (`scram_iterations`). */
const defaultIterations = 4096;
const saltBytes = 16;

const pattern =
  /^SCRAM-SHA-256\$([1-9]\d{0,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})$/;

/** Makes the text Postgres stores for a password, as `CREATE ROLE … PASSWORD` accepts it. */
export async function createScramVerifier(
  password: string,
  { iterations = defaultIterations, salt = randomBytes(saltBytes) } = {},
): Promise<string> {
  const { clientKey, serverKey } = await deriveScramKeys(password, { salt, iterations });
  return formatScramVerifier({ iterations, salt, storedKey: sha256(clientKey), serverKey });
}

export function formatScramVerifier(verifier: ScramVerifier): string {
  const [salt, storedKey, serverKey] = [verifier.salt, verifier.storedKey, verifier.serverKey].map(
    (bytes) => bytes.toString('base64'),
  );
  return `SCRAM-SHA-256$${verifier.iterations}:${salt}$${storedKey}:${serverKey}`;
}

/** Reads `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`; throws {@link ProtocolError}. */
export function parseScramVerifier(text: string): ScramVerifier {
  const [, iterations = '', salt = '', storedKey = '', serverKey = ''] = pattern.exec(text) ?? [];
  const verifier = {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  };
  if (verifier.storedKey.length !== scramKeyBytes || verifier.serverKey.length !== scramKeyBytes) {
    throw new ProtocolError('not a SCRAM-SHA-256 verifier');
  }
  return verifier;
}

/**
 * A verifier no password fits, for a user who does not exist.
 *
 * It is the same for the same user at every attempt and in every process that shares `secret`, so
 * the exchange looks and costs as it does for a real user with a wrong password.
 */
export function mockScramVerifier(user: string, secret: Buffer): ScramVerifier {
  return {
    iterations: defaultIterations,
    salt: hmac(secret, `salt ${user}`).subarray(0, saltBytes),
    storedKey: hmac(secret, `stored key ${user}`),
    serverKey: hmac(secret, `server key ${user}`),
  };
}

/** Checks a password in plain text; the keys if it is right, `undefined` if not. */
export async function verifyScramPassword(
  password: string,
  verifier: ScramVerifier,
): Promise<ScramKeys | undefined> {
  const keys = await deriveScramKeys(password, verifier);
  return secretsEqual(sha256(keys.clientKey), verifier.storedKey) ? keys : undefined;
}
