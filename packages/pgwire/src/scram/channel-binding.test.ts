import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { ProtocolError, tlsServerEndPoint } from '../index.ts';

function certificate(...options: string[]): Buffer {
  const pem = execFileSync(
    'openssl',
    ['req', '-x509', '-nodes', '-subj', '/CN=localhost', '-keyout', '/dev/null', ...options],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  return new X509Certificate(pem).raw;
}

const ecdsa = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

test.each([
  ['ECDSA with SHA-256', [...ecdsa, '-sha256'], 'sha256'],
  ['ECDSA with SHA-384', [...ecdsa, '-sha384'], 'sha384'],
  ['RSA with SHA-512', ['-newkey', 'rsa:2048', '-sha512'], 'sha512'],
  ['RSA with SHA-1', ['-newkey', 'rsa:2048', '-sha1'], 'sha256'],
])('%s: hashed as RFC 5929 says', (_name, options, hash) => {
  const raw = certificate(...options);
  expect(tlsServerEndPoint(raw)).toEqual(createHash(hash).update(raw).digest());
});

test('Ed25519 has no defined binding', () => {
  expect(tlsServerEndPoint(certificate('-newkey', 'ed25519'))).toBeUndefined();
});

test('what is not a certificate is refused', () => {
  expect(() => tlsServerEndPoint(Buffer.from('308200', 'hex'))).toThrow(ProtocolError);
  expect(() => tlsServerEndPoint(Buffer.alloc(0))).toThrow(ProtocolError);
});
