/**
 * The moment from the first byte to the startup message: which encryption, and what is wanted.
 *
 * Ways in: SSLRequest, direct TLS with ALPN, and a cancel request with or without TLS. Everything
 * else that is not encrypted is refused. The caller bounds the time, the protocol bounds the bytes.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isTlsHandshake, type Preamble, ProtocolError } from '@pgfleet/pgwire';
import { refusals } from './refusal.ts';
import { acceptTls, postgresAlpn, type ServerTls } from './server-tls.ts';
import { SocketReader } from './socket-reader.ts';

/** A client's connection; `socket` and `reader` change when it is encrypted. */
export type ClientConnection = {
  socket: Duplex;
  reader: SocketReader;
  readonly remoteAddress: string;
};

/** What the client came for. */
export type Greeting =
  | Extract<Preamble, { kind: 'cancel-request' }>
  | (Extract<Preamble, { kind: 'startup' }> & { readonly serverName: string | undefined });

/** SSLRequest and GSSENCRequest, each once, then the packet that matters. */
const maxPackets = 3;

export async function handshake(
  client: ClientConnection,
  socket: Socket,
  tls: ServerTls,
): Promise<Greeting> {
  if (isTlsHandshake(await client.reader.peek())) return directTls(client, socket, tls);
  for (let packets = 1; packets <= maxPackets; packets++) {
    const preamble = await client.reader.preamble();
    switch (preamble.kind) {
      case 'cancel-request':
        return preamble;
      case 'startup':
        throw refusals.insecure();
      case 'gssenc-request':
        socket.write('N');
        break;
      case 'ssl-request':
        return requestedTls(client, socket, tls);
    }
  }
  throw new ProtocolError('too many negotiation requests');
}

async function requestedTls(
  client: ClientConnection,
  socket: Socket,
  tls: ServerTls,
): Promise<Greeting> {
  // Bytes injected before the handshake would be taken for the client's own (CVE-2021-23214).
  if (client.reader.hasReadAhead) {
    throw new ProtocolError('received unencrypted data after SSL request');
  }
  client.reader.release();
  socket.write('S');
  return encryptedGreeting(client, socket, tls);
}

async function directTls(
  client: ClientConnection,
  socket: Socket,
  tls: ServerTls,
): Promise<Greeting> {
  client.reader.release();
  const greeting = await encryptedGreeting(client, socket, tls);
  const { alpnProtocol } = client.socket as { alpnProtocol?: unknown };
  if (alpnProtocol !== postgresAlpn) {
    throw new ProtocolError('direct SSL connection without ALPN protocol negotiation');
  }
  return greeting;
}

async function encryptedGreeting(
  client: ClientConnection,
  socket: Socket,
  tls: ServerTls,
): Promise<Greeting> {
  const secure = await acceptTls(socket, tls);
  client.socket = secure;
  client.reader = new SocketReader(secure);
  const preamble = await client.reader.preamble();
  if (preamble.kind === 'cancel-request') return preamble;
  if (preamble.kind !== 'startup') throw new ProtocolError('unexpected request inside TLS');
  const { servername } = secure as unknown as { servername?: string | false };
  return { ...preamble, serverName: servername || undefined };
}
