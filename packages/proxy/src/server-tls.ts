import { constants, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { tlsServerEndPoint } from '@pgfleet/pgwire';
import { HangUpError } from './socket-reader.ts';

/** The certificate this proxy shows, and its hash for SCRAM's channel binding. */
export type ServerTls = {
  readonly context: SecureContext;
  readonly channelBinding: Buffer | undefined;
};

/** The protocol's name in ALPN; compulsory where TLS starts without an SSLRequest. */
export const postgresAlpn = 'postgresql';

/** Reads a PEM certificate (with its chain, the server's own first) and its key. */
export function loadServerTls(certPath: string, keyPath: string): ServerTls {
  const cert = readFileSync(certPath);
  const context = createSecureContext({
    cert,
    key: readFileSync(keyPath),
    minVersion: 'TLSv1.2',
    // As Postgres: sessions are long, so tickets and renegotiation only widen the attack surface.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  });
  return { context, channelBinding: tlsServerEndPoint(new X509Certificate(cert).raw) };
}

/** Completes the server's side of a TLS handshake; throws {@link HangUpError} when it fails. */
export async function acceptTls(socket: Socket, { context }: ServerTls): Promise<TLSSocket> {
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: [postgresAlpn],
  });
  await handshakeDone(secure, socket);
  return secure;
}

function handshakeDone(secure: TLSSocket, socket: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: unknown) => {
      socket.destroy();
      reject(new HangUpError('TLS handshake failed', { cause }));
    };
    // Stays for good: an error always comes with `close`, which is what everybody listens to.
    secure.on('error', fail);
    secure.once('close', fail);
    secure.once('secure', () => {
      secure.off('close', fail);
      resolve();
    });
  });
}
