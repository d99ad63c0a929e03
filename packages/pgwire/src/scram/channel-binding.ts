/**
 * Channel binding of type `tls-server-end-point` (RFC 5929 § 4): the hash of the certificate, by
 * the hash function of the certificate's own signature, where MD5 and SHA-1 count as SHA-256.
 */
import { createHash } from 'node:crypto';
import { ProtocolError } from '../protocol-error.ts';

/** DER contents of signature-algorithm identifiers -> hash, both RSA PKCS #1 and ECDSA. */
const hashBySignature: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSA
  '2a864886f70d010105': 'sha256', // sha1WithRSA
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

/**
 * Hashes a certificate in DER form, as `X509Certificate.raw` and `getPeerCertificate().raw` are.
 *
 * `undefined` for signatures without one defined hash (Ed25519, RSASSA-PSS): then binding is not
 * possible and must not be offered. (Node tells the signature algorithm itself only from 24.9 on.)
 */
export function tlsServerEndPoint(certificate: Buffer): Buffer | undefined {
  const algorithm = hashBySignature[signatureAlgorithm(certificate)];
  return algorithm ? createHash(algorithm).update(certificate).digest() : undefined;
}

/** Certificate ::= SEQUENCE { tbsCertificate, SEQUENCE { algorithm OID, … }, signature }. */
function signatureAlgorithm(der: Buffer): string {
  const certificate = readDer(der, 0);
  const body = readDer(der, certificate.start);
  const signature = readDer(der, body.end);
  const identifier = readDer(der, signature.start);
  return der.toString('hex', identifier.start, identifier.end);
}

function readDer(der: Buffer, at: number): { readonly start: number; readonly end: number } {
  const first = der[at + 1] ?? 0;
  const sizeBytes = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + sizeBytes;
  if (sizeBytes > 4 || start > der.length) throw new ProtocolError('not a DER certificate');
  const size = sizeBytes === 0 ? first : der.readUIntBE(at + 2, sizeBytes);
  if (start + size > der.length) throw new ProtocolError('not a DER certificate');
  return { start, end: start + size };
}
