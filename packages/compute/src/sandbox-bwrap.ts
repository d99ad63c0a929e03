import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { hasErrorCode } from '@pgfleet/kit';
import { currentOwner, type Owner } from './owner.ts';
import { FIRST_TEXT_FD, passwdOf, type SandboxedCommand, type SandboxedPlace } from './sandbox.ts';

/** The command for bubblewrap, https://github.com/containers/bubblewrap. */
export function bwrapCommand(
  place: SandboxedPlace,
  program: readonly [string, ...string[]],
): SandboxedCommand {
  const owner = place.owner ?? currentOwner();
  return {
    argv: [
      'bwrap',
      ...[
        namespaces(place.owner),
        systemArguments(),
        bind('--ro-bind', place.view.exposes),
        ['--ro-bind', place.view.directory, '/postgres'],
        ['--bind', place.dataDirectory, '/data'],
        ['--bind', place.socketDirectory, '/run/postgresql'],
        peerArguments(place.peerDirectory),
        ['--chdir', '/', '--'],
        place.owner ? dropTo(place.owner) : [],
        program,
      ].flat(),
    ],
    texts: [passwdOf(owner), 'hosts: files\n', '127.0.0.1 localhost\n::1 localhost\n'],
  };
}

/** Where the program sees the directory that another one listens in. */
export const BWRAP_PEER = '/run/peer';

// Whoever may connect to a socket may do so on a mount that is read-only as well.
function peerArguments(directory: string | undefined): readonly string[] {
  return directory === undefined ? [] : ['--ro-bind', directory, BWRAP_PEER];
}

// Postgres is pid 1 of its namespace: one process less, and when it dies the kernel ends the rest.
function namespaces(owner: Owner | undefined): readonly string[] {
  const unshare = ['ipc', 'pid', 'net', 'uts'].map((name) => `--unshare-${name}`);
  const own = ['--as-pid-1', '--hostname', 'postgres', '--unshare-cgroup-try'];
  if (!owner) return ['--unshare-user', ...unshare, ...own];
  const kept = ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'].flatMap((name) => ['--cap-add', name]);
  return [...unshare, ...own, '--cap-drop', 'ALL', ...kept];
}

/** `setpriv` in front of a program: the owner's ids and no way to any privilege. */
export function dropTo(owner: Owner): readonly string[] {
  return [
    '/usr/bin/setpriv',
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--no-new-privs',
    '--bounding-set=-all',
    '--inh-caps=-all',
    '--',
  ];
}

let cachedSystemArguments: readonly string[] | undefined;

function systemArguments(): readonly string[] {
  cachedSystemArguments ??= [
    // Made first: bubblewrap gives parents that it has to invent itself mode 0700.
    ['/usr', '/usr/bin', '/etc', '/run'].flatMap((path) => ['--dir', path]),
    bind('--ro-bind-try', ['/usr/lib', '/usr/lib32', '/usr/lib64', '/usr/share', '/nix/store']),
    ['/lib', '/lib32', '/lib64'].flatMap(linkOrBind),
    ['--symlink', 'usr/bin', '/bin'],
    // initdb and restore_command need a shell; there is no other program to run.
    ['--ro-bind', realpathSync('/bin/sh'), '/usr/bin/sh'],
    ['--ro-bind-try', '/usr/bin/setpriv', '/usr/bin/setpriv'],
    ['--proc', '/proc', '--dev', '/dev'],
    ['/dev/shm', '/tmp'].flatMap((path) => ['--perms', '1777', '--tmpfs', path]),
    ['/etc/passwd', '/etc/nsswitch.conf', '/etc/hosts'].flatMap(textFile),
  ].flat();
  return cachedSystemArguments;
}

function bind(how: string, paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => [how, path, path]);
}

// Merged-/usr systems have links here, others directories.
function linkOrBind(path: string): readonly string[] {
  try {
    return lstatSync(path).isSymbolicLink()
      ? ['--symlink', readlinkSync(path), path]
      : ['--ro-bind', path, path];
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
}

function textFile(path: string, at: number): readonly string[] {
  return ['--perms', '0444', '--ro-bind-data', String(FIRST_TEXT_FD + at), path];
}
