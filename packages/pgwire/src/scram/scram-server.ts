/**
 * The server's half of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677, 5929).
 *
 * Driven by a stored verifier. A right proof discloses the client's key, which is all it takes to
 * log in elsewhere under the same verifier; the password itself is never seen.
 */
import { randomBytes } from 'node:crypto';
import { ProtocolError } from '../protocol-error.ts';
import { hmac, scramKeyBytes, secretsEqual, sha256, xor, type ScramKeys } from './scram-keys.ts';
import {
  channelBindingType,
  decodeBase64,
  malformedScram,
  noncePattern,
  readAttributes,
  scramMechanism,
  scramPlusMechanism,
} from './scram-message.ts';
import type { ScramVerifier } from './scram-verifier.ts';

/** What a login came to: keys and the message that proves the server to the client, or a refusal. */
export type ScramOutcome =
  | { readonly verified: true; readonly serverFinal: Buffer; readonly keys: ScramKeys }
  | { readonly verified: false };

export type ScramServerOptions = {
  readonly verifier: ScramVerifier;
  /** The hash of the certificate shown to the client; without it PLUS is not offered. */
  readonly channelBinding?: Buffer | undefined;
  /** Only for test vectors. */
  readonly nonce?: string;
};

/** One login: {@link mechanisms}, then {@link start}, then {@link finish}, each once. */
export class ScramServer {
  readonly #verifier: ScramVerifier;
  readonly #channelBinding: Buffer | undefined;
  readonly #serverNonce: string;
  #gs2Header = '';
  #nonce = '';
  #firstMessages = '';

  constructor(options: ScramServerOptions) {
    this.#verifier = options.verifier;
    this.#channelBinding = options.channelBinding;
    this.#serverNonce = options.nonce ?? randomBytes(18).toString('base64');
  }

  /** Strongest first, as a client takes the first that it knows. */
  get mechanisms(): readonly string[] {
    return this.#channelBinding ? [scramPlusMechanism, scramMechanism] : [scramMechanism];
  }

  /** Takes the client's first message and answers the server's. */
  start(mechanism: string, clientFirst: Buffer): Buffer {
    if (this.#nonce) throw new ProtocolError('SCRAM exchange started twice');
    if (!this.mechanisms.includes(mechanism)) {
      throw new ProtocolError('client selected an invalid SASL authentication mechanism');
    }
    const { gs2Header, bare } = splitClientFirst(clientFirst);
    this.#checkBindingFlag(mechanism, gs2Header);
    const [, clientNonce = ''] = readAttributes(bare, 'nr');
    if (!noncePattern.test(clientNonce)) throw malformedScram();
    this.#gs2Header = gs2Header;
    this.#nonce = clientNonce + this.#serverNonce;
    const { salt, iterations } = this.#verifier;
    const serverFirst = `r=${this.#nonce},s=${salt.toString('base64')},i=${iterations}`;
    this.#firstMessages = `${bare},${serverFirst}`;
    return Buffer.from(serverFirst);
  }

  /** Takes the client's final message with its proof. */
  finish(clientFinal: Buffer): ScramOutcome {
    const { withoutProof, binding, nonce, proof } = splitClientFinal(clientFinal);
    if (!this.#nonce || nonce !== this.#nonce) throw new ProtocolError('SCRAM nonce mismatch');
    if (!secretsEqual(binding, this.#expectedBinding())) {
      throw new ProtocolError('SCRAM channel binding check failed', '28000');
    }
    const { storedKey, serverKey } = this.#verifier;
    const authMessage = `${this.#firstMessages},${withoutProof}`;
    const clientKey = xor(proof, hmac(storedKey, authMessage));
    if (!secretsEqual(sha256(clientKey), storedKey)) return { verified: false };
    const signature = hmac(serverKey, authMessage).toString('base64');
    return {
      verified: true,
      serverFinal: Buffer.from(`v=${signature}`),
      keys: { clientKey, serverKey },
    };
  }

  /** `n`: client cannot bind; `y`: it could, but was not offered to; `p=…`: it does. */
  #checkBindingFlag(mechanism: string, gs2Header: string): void {
    const binds = gs2Header === `p=${channelBindingType},,`;
    const downgraded = gs2Header === 'y,,' && this.#channelBinding !== undefined;
    const plain = gs2Header === 'n,,' || gs2Header === 'y,,';
    if (downgraded) throw new ProtocolError('SCRAM channel binding negotiation error', '28000');
    if (mechanism === scramPlusMechanism ? !binds : !plain) {
      throw new ProtocolError('unexpected SCRAM channel-binding flag or authorization identity');
    }
  }

  #expectedBinding(): Buffer {
    const header = Buffer.from(this.#gs2Header);
    if (!this.#gs2Header.startsWith('p')) return header;
    return Buffer.concat([header, this.#channelBinding ?? Buffer.alloc(0)]);
  }
}

function splitClientFirst(message: Buffer): { gs2Header: string; bare: string } {
  const text = message.toString('utf8');
  const [, gs2Header, bare] = /^([^,]*,[^,]*,)(n=.*)$/s.exec(text) ?? [];
  if (gs2Header === undefined || bare === undefined) throw malformedScram();
  return { gs2Header, bare };
}

function splitClientFinal(message: Buffer) {
  const text = message.toString('utf8');
  const proofAt = text.lastIndexOf(',p=');
  if (proofAt < 0) throw malformedScram();
  const withoutProof = text.slice(0, proofAt);
  const [binding = '', nonce = ''] = readAttributes(withoutProof, 'cr');
  const proof = decodeBase64(text.slice(proofAt + 3));
  if (proof.length !== scramKeyBytes) throw malformedScram();
  return { withoutProof, binding: decodeBase64(binding), nonce, proof };
}
