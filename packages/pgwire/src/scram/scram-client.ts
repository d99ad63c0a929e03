/**
 * The client's half of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677, 5929).
 *
 * Logs in with a password, or with the keys that {@link ScramServer} recovered from another login
 * under the same verifier: then nothing is derived, and it costs two HMACs.
 */
import { randomBytes } from 'node:crypto';
import { ProtocolError } from '../protocol-error.ts';
import { deriveScramKeys, hmac, secretsEqual, sha256, xor, type ScramKeys } from './scram-keys.ts';
import {
  channelBindingType,
  decodeBase64,
  malformedScram,
  readAttributes,
  scramMechanism,
  scramPlusMechanism,
} from './scram-message.ts';

export type ScramClientOptions = {
  readonly credential: { readonly password: string } | { readonly keys: ScramKeys };
  /** The hash of the server's certificate; with it the login is bound to the TLS channel. */
  readonly channelBinding?: Buffer | undefined;
  /** Only for test vectors. */
  readonly user?: string;
  readonly nonce?: string;
};

/** A server could make a client derive keys for minutes. */
const maxIterations = 1_000_000;

/** One login: {@link start}, then {@link proceed}, then {@link finish}, each once. */
export class ScramClient {
  readonly #options: ScramClientOptions;
  readonly #bare: string;
  readonly #nonce: string;
  #serverSignature: Buffer | undefined;

  constructor(options: ScramClientOptions) {
    this.#options = options;
    this.#nonce = options.nonce ?? randomBytes(18).toString('base64');
    // Postgres takes the user from the startup message and ignores the one in here.
    this.#bare = `n=${options.user ?? ''},r=${this.#nonce}`;
  }

  get mechanism(): string {
    return this.#options.channelBinding ? scramPlusMechanism : scramMechanism;
  }

  start(): Buffer {
    return Buffer.from(this.#gs2Header + this.#bare);
  }

  /** Takes the server's first message and answers with the proof. */
  async proceed(serverFirst: Buffer): Promise<Buffer> {
    const text = serverFirst.toString('utf8');
    const [nonce = '', salt = '', iterations = ''] = readAttributes(text, 'rsi');
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) {
      throw new ProtocolError('SCRAM nonce mismatch');
    }
    const { clientKey, serverKey } = await this.#keys(decodeBase64(salt), Number(iterations));
    const withoutProof = `c=${this.#binding()},r=${nonce}`;
    const authMessage = `${this.#bare},${text},${withoutProof}`;
    const proof = xor(clientKey, hmac(sha256(clientKey), authMessage));
    this.#serverSignature = hmac(serverKey, authMessage);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** Takes the server's last message; throws {@link ProtocolError} unless it knew the verifier. */
  finish(serverFinal: Buffer): void {
    const [signature = ''] = readAttributes(serverFinal.toString('utf8'), 'v');
    const expected = this.#serverSignature;
    if (!expected || !secretsEqual(decodeBase64(signature), expected)) {
      throw new ProtocolError('the server could not prove that it knows the SCRAM verifier');
    }
  }

  get #gs2Header(): string {
    return this.#options.channelBinding ? `p=${channelBindingType},,` : 'n,,';
  }

  #binding(): string {
    const data = this.#options.channelBinding ?? Buffer.alloc(0);
    return Buffer.concat([Buffer.from(this.#gs2Header), data]).toString('base64');
  }

  async #keys(salt: Buffer, iterations: number): Promise<ScramKeys> {
    const { credential } = this.#options;
    if ('keys' in credential) return credential.keys;
    const valid = Number.isInteger(iterations) && iterations > 0 && iterations <= maxIterations;
    if (!valid) throw malformedScram();
    return deriveScramKeys(credential.password, { salt, iterations });
  }
}
