import type { ByteReader } from './byte-reader.ts';
import { cstring, int32, nul } from './bytes.ts';
import { codec } from './codec.ts';

/** The step of a login that a server asks for; `unsupported` is a code this package does not use. */
export type Authentication =
  | { readonly step: 'ok' }
  | { readonly step: 'cleartext-password' }
  | { readonly step: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly step: 'sasl-continue'; readonly data: Buffer }
  | { readonly step: 'sasl-final'; readonly data: Buffer }
  | { readonly step: 'unsupported'; readonly code: number };

export const authentication = codec<Authentication>('R', encode, decode);

function encode(message: Authentication): Uint8Array[] {
  switch (message.step) {
    case 'ok':
      return [int32(0)];
    case 'cleartext-password':
      return [int32(3)];
    case 'sasl':
      return [int32(10), ...message.mechanisms.map(cstring), nul];
    case 'sasl-continue':
      return [int32(11), message.data];
    case 'sasl-final':
      return [int32(12), message.data];
    case 'unsupported':
    default:
      return [int32(message.code)];
  }
}

function decode(read: ByteReader): Authentication {
  const code = read.int32();
  switch (code) {
    case 0:
      return { step: 'ok' };
    case 3:
      return { step: 'cleartext-password' };
    case 10:
      return { step: 'sasl', mechanisms: readMechanisms(read) };
    case 11:
      return { step: 'sasl-continue', data: read.rest() };
    case 12:
      return { step: 'sasl-final', data: read.rest() };
    default:
      read.rest();
      return { step: 'unsupported', code };
  }
}

function readMechanisms(read: ByteReader): string[] {
  const names: string[] = [];
  for (let name = read.cstring(); name !== ''; name = read.cstring()) names.push(name);
  return names;
}
