import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// sockaddr_un.sun_path is 108 bytes on Linux and 104 on macOS, with the final NUL.
const MAX_SOCKET_PATH_BYTES = 103;
// The longest name pgfleet puts below a run directory.
const LONGEST_LEAF_BYTES = 48;

/**
 * The directory for sockets of a data directory: `<dataDir>/run`, or a private one under the
 * system's temporary directory when paths below that would not fit a socket address.
 */
export function runDirectory(dataDir: string): string {
  const natural = join(dataDir, 'run');
  if (Buffer.byteLength(natural) + LONGEST_LEAF_BYTES <= MAX_SOCKET_PATH_BYTES) return natural;
  const digest = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  return join(tmpdir(), `pgfleet-${digest}`);
}

/** Creates a run directory that others may pass through but not list (mode 0711). */
export function ensureRunDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o711 });
}
