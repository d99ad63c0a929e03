import { accessSync, constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ensureServerCertificate, writeFileAtomic } from '@pgfleet/kit';
import type { PlatformConfig } from '../config.ts';
import type { PlatformPaths } from '../platform-paths.ts';
import { StartError } from '../start-error.ts';

export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/**
 * The configured certificate, or one for every name of this platform, signed by its own authority,
 * whose certificate clients find in `<dataDir>/ca.crt`.
 */
export async function ensureCertificate(
  config: PlatformConfig,
  paths: PlatformPaths,
): Promise<CertificateFiles> {
  if (config.certificate) return readable(config.certificate);
  const issued = await ensureServerCertificate(paths.tlsDir, certificateNames(config));
  const authority = await readFile(issued.caPath, 'utf8');
  await writeFileAtomic(paths.caCertificate, authority, { mode: 0o644 });
  return issued;
}

// A wildcard stands for one label, so every region needs its own.
function certificateNames({ regions, domain }: PlatformConfig): string[] {
  const names = [
    ...regions.map((region) => `*.${region}.${domain}`),
    `*.${domain}`,
    domain,
    'localhost',
    '127.0.0.1',
    '::1',
  ];
  return [...new Set(names)];
}

function readable(files: CertificateFiles): CertificateFiles {
  for (const [name, path] of [
    ['PGFLEET_TLS_CERT_FILE', files.certPath],
    ['PGFLEET_TLS_KEY_FILE', files.keyPath],
  ] as const) {
    try {
      accessSync(path, constants.R_OK);
    } catch {
      throw new StartError(`${name}: cannot read ${path}`);
    }
  }
  return files;
}
