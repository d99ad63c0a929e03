import { expect, test } from 'vitest';
import { isAddressAllowed, isPrivateAddress, plainAddress } from './ip-allow.ts';

test.each([
  ['1.2.3.4', [], true],
  ['1.2.3.4', ['1.2.3.4'], true],
  ['1.2.3.5', ['1.2.3.4'], false],
  ['10.1.2.3', ['10.0.0.0/8'], true],
  ['11.1.2.3', ['10.0.0.0/8'], false],
  ['192.168.1.5', ['192.168.1.1-192.168.1.9'], true],
  ['192.168.1.5', ['192.168.1.1 - 192.168.1.9'], true],
  ['192.168.1.10', ['192.168.1.1-192.168.1.9'], false],
  ['192.168.1.5', ['192.168.1.9-192.168.1.1'], false],
  ['2001:db8::1', ['2001:db8::/32'], true],
  ['2001:db9::1', ['2001:db8::/32'], false],
  ['2001:db8::5', ['2001:db8::1-2001:db8::9'], true],
  ['1.2.3.4', ['::/0'], false],
  ['1.2.3.4', ['nonsense', '1.2.3.4/99', '1.2.3.4-::1'], false],
  ['not an address', ['0.0.0.0/0'], false],
])('%s against %j: %s', (address, patterns, allowed) => {
  expect(isAddressAllowed(address, patterns)).toBe(allowed);
});

test('an IPv4 client of a dual-stack socket is known by its IPv4 address', () => {
  expect(plainAddress('::ffff:10.0.0.1')).toBe('10.0.0.1');
  expect(plainAddress('2001:db8::1')).toBe('2001:db8::1');
});

test('private networks are told from the public one', () => {
  expect(['127.0.0.1', '10.9.8.7', '::1', 'fd00::1'].every(isPrivateAddress)).toBe(true);
  expect(['8.8.8.8', '2001:db8::1'].some(isPrivateAddress)).toBe(false);
});
