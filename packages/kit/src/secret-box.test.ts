import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseMasterKey, SecretBox } from './secret-box.ts';

const box = new SecretBox(randomBytes(32));

test('a sealed secret opens under the same context only', () => {
  const sealed = box.seal('npg_secret', 'role:1');
  expect(sealed).not.toContain('npg_secret');
  expect(box.open(sealed, 'role:1')).toBe('npg_secret');
  expect(() => box.open(sealed, 'role:2')).toThrow();
});

test('an altered or foreign ciphertext does not open', () => {
  const bytes = Buffer.from(box.seal('npg_secret', 'c'), 'base64');
  bytes[bytes.length - 1]! ^= 1;
  expect(() => box.open(bytes.toString('base64'), 'c')).toThrow();
  expect(() => new SecretBox(randomBytes(32)).open(box.seal('x', 'c'), 'c')).toThrow();
});

test('a master key is 32 bytes in hexadecimal or base64, and nothing else', () => {
  const key = randomBytes(32);
  expect(parseMasterKey(`${key.toString('hex')}\n`)).toEqual(key);
  expect(parseMasterKey(key.toString('base64'))).toEqual(key);
  expect(() => parseMasterKey('short')).toThrow(/32 bytes/);
});
