import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import type { webcrypto as WebCrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { writeFileAtomic } from './atomic-file.ts';
import { hasErrorCode } from './error-code.ts';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
// Some TLS libraries refuse server certificates that live longer than 398 days.
const SERVER_DAYS = 397;
const RENEW_BEFORE_DAYS = 30;

/** Files of a local certificate authority and of the server certificate that it signed. */
export interface ServerCertificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string;
}

/**
 * Gives a directory a private certificate authority (`ca.crt`, `ca.key`) and a server certificate
 * for `names` (DNS names, wildcards, or IP addresses), creating or renewing what is missing,
 * expires within 30 days, or was issued for other names.
 *
 * The authority is kept for ten years, so that clients that trust `ca.crt` go on trusting it.
 */
export async function ensureServerCertificate(
  directory: string,
  names: readonly string[],
): Promise<ServerCertificate> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = {
    caPath: join(directory, 'ca.crt'),
    certPath: join(directory, 'server.crt'),
    keyPath: join(directory, 'server.key'),
  };
  const caKeyPath = join(directory, 'ca.key');
  const authority =
    (await loadAuthority(files.caPath, caKeyPath)) ??
    (await createAuthority(files.caPath, caKeyPath));
  if (!isCurrent(files, authority.certificate, names)) await issue(authority, files, names);
  return files;
}

interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly privateKey: WebCrypto.CryptoKey;
}

async function createAuthority(certPath: string, keyPath: string): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=pgfleet local authority',
    ...validity(AUTHORITY_DAYS),
    keys: keys as never,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await writeFileAtomic(keyPath, await privateKeyPem(keys.privateKey));
  await writeFileAtomic(certPath, certificate.toString('pem'), { mode: 0o644 });
  await chmod(certPath, 0o644);
  return { certificate, privateKey: keys.privateKey };
}

async function loadAuthority(certPath: string, keyPath: string): Promise<Authority | undefined> {
  const certPem = readOptional(certPath);
  const keyPem = readOptional(keyPath);
  if (certPem === undefined || keyPem === undefined) return undefined;
  const certificate = new x509.X509Certificate(certPem);
  if (expiresWithin(certificate, SERVER_DAYS)) return undefined;
  const pkcs8 = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' });
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
  return { certificate, privateKey };
}

async function issue(
  authority: Authority,
  files: ServerCertificate,
  names: readonly string[],
): Promise<void> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${names[0] ?? 'localhost'}`,
    issuer: authority.certificate.subject,
    ...validity(SERVER_DAYS),
    publicKey: keys.publicKey as never,
    signingKey: authority.privateKey as never,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(alternativeName)),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
  await writeFileAtomic(files.keyPath, await privateKeyPem(keys.privateKey));
  await writeFileAtomic(files.certPath, certificate.toString('pem'), { mode: 0o644 });
}

function isCurrent(
  files: ServerCertificate,
  authority: x509.X509Certificate,
  names: readonly string[],
): boolean {
  const certPem = readOptional(files.certPath);
  const keyPem = readOptional(files.keyPath);
  if (certPem === undefined || keyPem === undefined) return false;
  const certificate = new x509.X509Certificate(certPem);
  return (
    certificate.issuer === authority.subject &&
    isSignedBy(certificate, authority) &&
    belongsTo(certificate, keyPem) &&
    !expiresWithin(certificate, RENEW_BEFORE_DAYS) &&
    sameNames(certificate, names)
  );
}

// A crash between writing the key and the certificate leaves a pair that does not match.
function belongsTo(certificate: x509.X509Certificate, keyPem: string): boolean {
  const own = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  return own.equals(Buffer.from(certificate.publicKey.rawData));
}

function isSignedBy(certificate: x509.X509Certificate, authority: x509.X509Certificate): boolean {
  const key = certificate.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId;
  return key === authority.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
}

function sameNames(certificate: x509.X509Certificate, names: readonly string[]): boolean {
  const given = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON();
  const issued = (given ?? []).map((name) => name.value).toSorted();
  return JSON.stringify(issued) === JSON.stringify([...names].toSorted());
}

function expiresWithin(certificate: x509.X509Certificate, days: number): boolean {
  return certificate.notAfter.getTime() - Date.now() < days * DAY_MS;
}

function alternativeName(name: string): x509.JsonGeneralName {
  const isAddress = /^[\d.]+$/.test(name) || name.includes(':');
  return { type: isAddress ? 'ip' : 'dns', value: name };
}

// One day of grace for clients whose clock is behind.
function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - DAY_MS), notAfter: new Date(now + days * DAY_MS) };
}

async function generateKeys(): Promise<WebCrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function privateKeyPem(key: WebCrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const options = { key: der, format: 'der', type: 'pkcs8' } as const;
  return createPrivateKey(options).export({ type: 'pkcs8', format: 'pem' }) as string;
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
