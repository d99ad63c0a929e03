import type { Owner } from './owner.ts';
import { dropTo } from './sandbox-bwrap.ts';
import { passwdOf, type SandboxedCommand, type SandboxedPlace } from './sandbox.ts';

const NAMESPACES = ['--mount', '--pid', '--fork', '--ipc', '--net', '--uts'] as const;

// Everything is bound under a staging directory, so that a parent that the owner may not enter,
// such as /root, is no obstacle.
const MOUNT_SCRIPT = `set -e
base=$1 view=$2 data=$3 run=$4 peer=$5 passwd=$6; shift 6
mount -t tmpfs -o mode=0755 pgfleet "$base"
mkdir "$base/view" "$base/data" "$base/run"
mount --bind -o ro "$view" "$base/view"
mount --bind "$data" "$base/data"
mount --bind "$run" "$base/run"
if [ "$peer" ]; then
  mkdir "$base/peer"
  mount --bind -o ro "$peer" "$base/peer"
fi
printf %s "$passwd" > "$base/passwd"
mount --bind "$base/passwd" /etc/passwd
mount -t tmpfs -o mode=1777 pgfleet /dev/shm
mount -t proc proc /proc
cd "$base/data"
exec "$@"`;

/** The command for util-linux' `unshare` as root: a private mount namespace and a user's ids. */
export function rootUnshareCommand(
  place: SandboxedPlace & { readonly owner: Owner },
  program: readonly [string, ...string[]],
  base: string,
): SandboxedCommand {
  const { view, dataDirectory, socketDirectory, peerDirectory = '' } = place;
  return {
    argv: [
      'unshare',
      ...[
        NAMESPACES,
        ['sh', '-c', MOUNT_SCRIPT, 'sh', base],
        [view.directory, dataDirectory, socketDirectory, peerDirectory],
        [passwdOf(place.owner)],
        dropTo(place.owner),
        program,
      ].flat(),
    ],
    texts: [],
  };
}

/** The command for `unshare` as an ordinary user: a user namespace with the same ids. */
export function userUnshareCommand(program: readonly [string, ...string[]]): SandboxedCommand {
  return {
    argv: [
      'unshare',
      ...[
        ['--user', '--map-current-user', '--mount-proc'],
        NAMESPACES,
        ['setpriv', '--no-new-privs', '--'],
        program,
      ].flat(),
    ],
    texts: [],
  };
}
