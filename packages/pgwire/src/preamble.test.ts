import { expect, test } from 'vitest';
import {
  cancelRequest,
  gssencRequest,
  isTlsHandshake,
  joinStartupOptions,
  ProtocolError,
  readPreamble,
  splitStartupOptions,
  sslRequest,
  startupMessage,
} from './index.ts';

const parameters = new Map([
  ['user', 'jürgen'],
  ['database', 'neondb'],
  ['options', '-c geqo=off endpoint=ep-x'],
]);

test.each([
  ['ssl-request', sslRequest, { kind: 'ssl-request' }],
  ['gssenc-request', gssencRequest, { kind: 'gssenc-request' }],
  [
    'cancel-request',
    cancelRequest(-5, Buffer.from('abcd')),
    { kind: 'cancel-request', processId: -5, secretKey: Buffer.from('abcd') },
  ],
  ['startup', startupMessage(parameters), { kind: 'startup', minorVersion: 0, parameters }],
])('%s is read once its last byte is there', (_name, packet, preamble) => {
  const stream = Buffer.concat([packet, Buffer.from('next')]);
  for (let cut = 0; cut < packet.length; cut++) {
    expect(readPreamble(stream.subarray(0, cut))).toBeUndefined();
  }
  expect(readPreamble(stream)).toEqual({ preamble, byteLength: packet.length });
});

test('the documented bytes of an SSLRequest', () => {
  expect(sslRequest.toString('hex')).toBe('0000000804d2162f');
});

test.each([
  ['garbage', Buffer.from('GET / HTTP/1.1\r\n')],
  ['a huge length', Buffer.from('000027110003', 'hex')],
  ['a tiny length', Buffer.from('0000000700030000', 'hex')],
  ['protocol 2', Buffer.from('000000090002000000', 'hex')],
  ['a request code from the future', Buffer.from('0000000804d21637', 'hex')],
  ['an SSLRequest with a tail', Buffer.from('0000000904d2162f00', 'hex')],
  ['parameters without an end', Buffer.from('0000000b00030000756100', 'hex')],
  ['a parameter without a value', Buffer.from('0000000b00030000750000', 'hex')],
  ['a cancel request without a key', Buffer.from('0000000c04d2162e00000001', 'hex')],
  ['parameters that are not UTF-8', Buffer.from('0000000d000300007500ff0000', 'hex')],
])('%s is refused', (_name, packet) => {
  expect(() => readPreamble(packet)).toThrow(ProtocolError);
});

test('a length beyond the bound is refused before anything is collected', () => {
  expect(() => readPreamble(Buffer.from('00002711', 'hex'))).toThrow('invalid length');
});

test('a TLS ClientHello is told from a Postgres packet by its first byte', () => {
  expect(isTlsHandshake(Buffer.from('160301', 'hex'))).toBe(true);
  expect(isTlsHandshake(sslRequest)).toBe(false);
});

test('options are split at white space that no backslash protects', () => {
  const words = ['-c', 'search_path=a b', 'endpoint=ep-x', 'back\\slash'];
  expect(splitStartupOptions(joinStartupOptions(words))).toEqual(words);
  expect(splitStartupOptions('  -c  a=b\\ c\t\\\\ ')).toEqual(['-c', 'a=b c', '\\']);
  expect(splitStartupOptions('')).toEqual([]);
});
