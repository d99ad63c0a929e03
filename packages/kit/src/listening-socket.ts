import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import koffi from 'koffi';

const AF_INET = 2;
const AF_INET6 = process.platform === 'linux' ? 10 : 30;
const SOCK_STREAM = 1;
const SOL_SOCKET = process.platform === 'linux' ? 1 : 0xffff;
const SO_REUSEADDR = process.platform === 'linux' ? 2 : 4;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
// The kernel lowers this to its own limit (net.core.somaxconn).
const BACKLOG = 4096;

/** Thrown by {@link ListeningSocket.open}; `code` is the system's, for example `EADDRINUSE`. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: string;

  constructor(address: string, port: number, code: string) {
    super(`cannot listen on ${address} port ${port}: ${code}`);
    this.code = code;
  }
}

/**
 * A listening TCP socket that this process holds but never accepts from.
 *
 * Children that inherit {@link fd} accept; while none of them lives, connections queue in the
 * kernel instead of being refused. A `net.Server` cannot do this: it accepts wherever it listens.
 */
export class ListeningSocket implements Disposable {
  readonly #fd: number;
  #open = true;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * The descriptor to inherit.
   *
   * @throws Error when it was closed: the number may be another file's by then.
   */
  get fd(): number {
    if (!this.#open) throw new Error('the socket was closed');
    return this.#fd;
  }

  /** @throws ListenError when the port is in use or not allowed. `address` is an IP address. */
  static open(address: string, port: number): ListeningSocket {
    const libc = (socketCalls ??= loadSocketCalls());
    const check = (result: number): number => {
      if (result >= 0) return result;
      throw new ListenError(address, port, errorName(koffi.errno()));
    };
    const fd = check(libc.socket(isIPv6(address) ? AF_INET6 : AF_INET, SOCK_STREAM, 0));
    try {
      check(libc.fcntl(fd, F_SETFD, 'int', FD_CLOEXEC));
      const yes = Buffer.from(new Int32Array([1]).buffer);
      check(libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, yes, yes.length));
      const name = socketAddress(address, port);
      check(libc.bind(fd, name, name.length));
      check(libc.listen(fd, BACKLOG));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new ListeningSocket(fd);
  }

  /** Closes this process' copy; the port is free when no child has it open either. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface SocketCalls {
  socket(domain: number, type: number, protocol: number): number;
  fcntl(fd: number, command: number, argumentType: 'int', argument: number): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer, bytes: number): number;
  bind(fd: number, address: Buffer, bytes: number): number;
  listen(fd: number, backlog: number): number;
}

let socketCalls: SocketCalls | undefined;

function loadSocketCalls(): SocketCalls {
  const libc = koffi.load(process.platform === 'darwin' ? '/usr/lib/libSystem.dylib' : null);
  return {
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    fcntl: libc.func('int fcntl(int fd, int command, ...)'),
    setsockopt: libc.func('int setsockopt(int fd, int level, int name, void *value, uint bytes)'),
    bind: libc.func('int bind(int fd, void *address, uint bytes)'),
    listen: libc.func('int listen(int fd, int backlog)'),
  };
}

// sockaddr_in and sockaddr_in6 of ip(7) and ipv6(7); BSD splits the family into length and family.
function socketAddress(address: string, port: number): Buffer {
  const v6 = isIPv6(address);
  const name = Buffer.alloc(v6 ? 28 : 16);
  const family = v6 ? AF_INET6 : AF_INET;
  if (process.platform === 'linux') name.writeUInt16LE(family, 0);
  else name.set([name.length, family], 0);
  name.writeUInt16BE(port, 2);
  name.set(v6 ? ipv6Bytes(address) : address.split('.').map(Number), v6 ? 8 : 4);
  return name;
}

function ipv6Bytes(address: string): number[] {
  // The URL parser writes an embedded IPv4 tail as two groups.
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const left = groups(head);
  const right = groups(tail ?? '');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].flatMap((group) => {
    const word = Number.parseInt(group, 16);
    return [word >> 8, word & 0xff];
  });
}

function errorName(errno: number): string {
  const names = Object.entries(koffi.os.errno);
  return names.find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}
