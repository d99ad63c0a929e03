import { rmSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

/**
 * Makes a server listen at `unix:/path` or `http://host:port`. A socket is usable by its owner
 * only; one that a dead process left behind is removed.
 */
export async function listenAt(app: FastifyInstance, address: string): Promise<void> {
  if (!address.startsWith('unix:')) {
    const { hostname, port } = new URL(address);
    await app.listen({ host: hostname, port: Number(port) });
    return;
  }
  const path = address.slice('unix:'.length);
  rmSync(path, { force: true });
  const previous = process.umask(0o177);
  try {
    await app.listen({ path });
  } finally {
    process.umask(previous);
  }
}
