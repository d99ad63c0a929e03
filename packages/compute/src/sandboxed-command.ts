import { join } from 'node:path';
import { BWRAP_PEER, bwrapCommand } from './sandbox-bwrap.ts';
import { rootUnshareCommand, userUnshareCommand } from './sandbox-unshare.ts';
import type { InsidePaths, SandboxedCommand, SandboxedPlace, SandboxLevel } from './sandbox.ts';

/** The paths a program will see at a level; needed to write its arguments. */
export function insidePaths(level: SandboxLevel, place: SandboxedPlace): InsidePaths {
  if (level === 'bwrap') {
    return {
      bin: join('/postgres', place.view.binPath),
      data: '/data',
      run: '/run/postgresql',
      peer: BWRAP_PEER,
    };
  }
  if (level === 'unshare' && place.owner) {
    const base = stagingDirectory(place);
    return {
      bin: join(base, 'view', place.view.binPath),
      data: `${base}/data`,
      run: `${base}/run`,
      peer: `${base}/peer`,
    };
  }
  return {
    bin: join(place.view.directory, place.view.binPath),
    data: place.dataDirectory,
    run: place.socketDirectory,
    peer: place.peerDirectory ?? '',
  };
}

/** Wraps a program (an inside path) and its arguments for a level. */
export function sandboxedCommand(
  level: SandboxLevel,
  place: SandboxedPlace,
  program: readonly [string, ...string[]],
): SandboxedCommand {
  if (level === 'bwrap') return bwrapCommand(place, program);
  if (level === 'unshare') {
    const { owner } = place;
    if (!owner) return userUnshareCommand(program);
    return rootUnshareCommand({ ...place, owner }, program, stagingDirectory(place));
  }
  return { argv: program, texts: [], ...(place.owner ? { owner: place.owner } : {}) };
}

// Mounting over this directory in a private namespace must not hide what is to be mounted there.
function stagingDirectory(place: SandboxedPlace): string {
  const { view, dataDirectory, socketDirectory, peerDirectory = socketDirectory } = place;
  const needed = [view.directory, dataDirectory, socketDirectory, peerDirectory];
  const free = ['/mnt', '/media', '/srv', '/opt'].find(
    (base) => !needed.some((path) => `${path}/`.startsWith(`${base}/`)),
  );
  return free ?? '/mnt';
}
