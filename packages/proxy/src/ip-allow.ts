import { BlockList, isIP } from 'node:net';

/**
 * Whether an address is on an allow list of single addresses, CIDR blocks and `a-b` ranges.
 * An empty list allows everybody; an entry that cannot be read allows nobody.
 */
export function isAddressAllowed(address: string, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return true;
  return matches(address, patterns);
}

/** Whether an address can only be of this machine or of a private network (RFC 1918, 4193). */
export function isPrivateAddress(address: string): boolean {
  return matches(address, privateNetworks);
}

/** Node reports IPv4 clients of a dual-stack socket as `::ffff:a.b.c.d`. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped ?? address;
}

const privateNetworks = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1',
  'fc00::/7',
  'fe80::/10',
];

function matches(address: string, patterns: readonly string[]): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  for (const pattern of patterns) {
    const range = parsePattern(pattern);
    // BlockList would take IPv4 addresses for a part of `::/0`.
    if (range && isIP(range.first) === version) addTo(list, range, family);
  }
  return list.check(address, family);
}

type Range = { readonly first: string; readonly last?: string; readonly bits?: number };

function parsePattern(pattern: string): Range | undefined {
  const parts = /^\s*([0-9a-f:.]+)\s*(?:\/\s*(\d{1,3})|-\s*([0-9a-f:.]+))?\s*$/i.exec(pattern);
  const [, first = '', bits, last] = parts ?? [];
  if (bits !== undefined) return { first, bits: Number(bits) };
  return last === undefined ? { first } : { first, last };
}

function addTo(list: BlockList, { first, last, bits }: Range, family: 'ipv4' | 'ipv6'): void {
  try {
    if (bits !== undefined) list.addSubnet(first, bits, family);
    else list.addRange(first, last ?? first, family);
  } catch {
    // Too long a prefix, or an end before the start or of the other family: contains nothing.
  }
}
