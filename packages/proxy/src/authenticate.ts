/**
 * The client proves who it is, against the verifier its host keeps. A role that does not exist is
 * asked, made to work and refused exactly like a wrong password.
 */
import { createHmac } from 'node:crypto';
import type { LoginResponse } from '@pgfleet/contract';
import {
  backend,
  frontend,
  mockScramVerifier,
  parseScramVerifier,
  ProtocolError,
  type ScramKeys,
  ScramServer,
  type ScramVerifier,
  verifyScramPassword,
} from '@pgfleet/pgwire';
import type { ClientConnection } from './handshake.ts';
import { isAddressAllowed, isPrivateAddress } from './ip-allow.ts';
import { refusals } from './refusal.ts';

/** Throws a {@link Refusal} when the endpoint does not accept clients from this address. */
export function checkAddress(address: string, login: LoginResponse): void {
  const isBlocked = isPrivateAddress(address)
    ? login.blockPrivateConnections
    : login.blockPublicConnections;
  if (isBlocked) throw refusals.blockedNetwork();
  if (!isAddressAllowed(address, login.allowedIps)) throw refusals.addressNotAllowed(address);
}

export type Challenge = {
  readonly user: string;
  /** As the host gave it; null for a role that does not exist or has no password. */
  readonly verifier: string | null;
  readonly channelBinding: Buffer | undefined;
  readonly mockSecret: Buffer;
};

/**
 * SCRAM-SHA-256 or -PLUS with the client; resolves with the keys for the login upstream.
 * Throws a {@link Refusal} for a wrong password. The caller sends AuthenticationOk.
 */
export async function authenticateScram(
  client: ClientConnection,
  challenge: Challenge,
): Promise<ScramKeys> {
  const server = new ScramServer({
    verifier: storedVerifier(challenge),
    channelBinding: challenge.channelBinding,
  });
  send(client, { step: 'sasl', mechanisms: server.mechanisms });
  const { mechanism, data } = frontend.saslInitialResponse.decode(await passwordBody(client));
  send(client, { step: 'sasl-continue', data: server.start(mechanism, data) });
  const final = frontend.saslResponse.decode(await passwordBody(client));
  const outcome = server.finish(final.data);
  if (!outcome.verified) throw refusals.passwordFailed(challenge.user);
  send(client, { step: 'sasl-final', data: outcome.serverFinal });
  return outcome.keys;
}

/** Asks for a password in plain text, which may name the endpoint; only ever inside TLS. */
export async function askPassword(client: ClientConnection): Promise<string> {
  send(client, { step: 'cleartext-password' });
  return frontend.passwordMessage.decode(await passwordBody(client)).password;
}

/** Checks a password in plain text; throws a {@link Refusal} if it is wrong. */
export async function authenticatePassword(
  password: string,
  challenge: Challenge,
): Promise<ScramKeys> {
  const keys = await verifyScramPassword(password, storedVerifier(challenge));
  if (!keys) throw refusals.passwordFailed(challenge.user);
  return keys;
}

/** The same secret in every process of an installation, so that a mock answers alike in all. */
export function mockSecretFrom(token: string): Buffer {
  return createHmac('sha256', token).update('scram mock verifiers').digest();
}

function storedVerifier({ user, verifier, mockSecret }: Challenge): ScramVerifier {
  return verifier === null ? mockScramVerifier(user, mockSecret) : parseScramVerifier(verifier);
}

async function passwordBody(client: ClientConnection): Promise<Buffer> {
  const { tag, body } = await client.reader.frame();
  if (tag !== frontend.saslResponse.tag) throw new ProtocolError('expected a password message');
  return body;
}

function send(
  client: ClientConnection,
  message: Parameters<typeof backend.authentication.encode>[0],
): void {
  client.socket.write(backend.authentication.encode(message));
}
