import type { Duplex } from 'node:stream';

/** Resolves when a socket is closed, for whatever reason. */
export function socketClosed(socket: Duplex): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}
