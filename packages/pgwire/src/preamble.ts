/**
 * What a client says before the first typed message, when packets carry a length but no tag.
 * Source: "Message Formats" in the Postgres documentation, and `ProcessStartupPacket`.
 */
import { isUtf8 } from 'node:buffer';
import { ByteReader } from './byte-reader.ts';
import { cstring, int32, nul } from './bytes.ts';
import { ProtocolError } from './protocol-error.ts';

/** The wish that a client opens its connection with. */
export type Preamble =
  | { readonly kind: 'ssl-request' }
  | { readonly kind: 'gssenc-request' }
  | { readonly kind: 'cancel-request'; readonly processId: number; readonly secretKey: Buffer }
  | {
      readonly kind: 'startup';
      readonly minorVersion: number;
      readonly parameters: ReadonlyMap<string, string>;
    };

/** Postgres' own bound (`MAX_STARTUP_PACKET_LENGTH`), length field included. */
export const maxPreambleBytes = 10_000;

const requestMajor = 1234;
const cancelCode = 5678;
const sslCode = 5679;
const gssencCode = 5680;

/**
 * Reads the packet at the head of `bytes`; `undefined` until it is complete.
 *
 * Throws {@link ProtocolError} as soon as the packet cannot become a valid one, so a caller never
 * needs to hold more than {@link maxPreambleBytes}.
 */
export function readPreamble(
  bytes: Buffer,
): { readonly preamble: Preamble; readonly byteLength: number } | undefined {
  if (bytes.length < 4) return undefined;
  const byteLength = bytes.readUInt32BE(0);
  if (byteLength < 8 || byteLength > maxPreambleBytes) {
    throw new ProtocolError('invalid length of startup packet');
  }
  if (bytes.length < byteLength) return undefined;
  return { preamble: decodePreamble(bytes.subarray(4, byteLength)), byteLength };
}

/** Whether a connection starts with a TLS ClientHello instead of a Postgres packet. */
export function isTlsHandshake(bytes: Buffer): boolean {
  return bytes[0] === 0x16;
}

/** The packet that asks a server for TLS; it answers with the single byte `S` or `N`. */
export const sslRequest = packet(requestMajor, sslCode);

/** The packet that asks a server for GSSAPI encryption. */
export const gssencRequest = packet(requestMajor, gssencCode);

/** The packet, alone on a connection, that asks to cancel the statement of another connection. */
export function cancelRequest(processId: number, secretKey: Uint8Array): Buffer {
  return packet(requestMajor, cancelCode, int32(processId), secretKey);
}

/** The packet that opens a session with protocol 3.0. */
export function startupMessage(parameters: Iterable<readonly [string, string]>): Buffer {
  const pairs = Array.from(parameters, ([name, value]) => [cstring(name), cstring(value)]);
  return packet(3, 0, ...pairs.flat(), nul);
}

function packet(major: number, minor: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 8);
  return Buffer.concat([int32(length), int32((major << 16) | minor), ...parts]);
}

function decodePreamble(body: Buffer): Preamble {
  const read = new ByteReader(body);
  const [major, minor] = [read.int16(), read.int16()];
  if (major === 3) return { kind: 'startup', minorVersion: minor, parameters: readPairs(read) };
  if (major !== requestMajor) {
    throw new ProtocolError('unsupported frontend protocol: server supports 3.0', '0A000');
  }
  return decodeRequest(minor, read);
}

function decodeRequest(code: number, read: ByteReader): Preamble {
  if (code === cancelCode) return decodeCancel(read);
  read.expectEnd();
  if (code === sslCode) return { kind: 'ssl-request' };
  if (code === gssencCode) return { kind: 'gssenc-request' };
  throw new ProtocolError('unknown request code in startup packet');
}

/** Protocol 3.0 has keys of 4 bytes, 3.2 of up to 256. */
function decodeCancel(read: ByteReader): Preamble {
  const processId = read.int32();
  const secretKey = read.rest();
  if (secretKey.length < 4 || secretKey.length > 256) {
    throw new ProtocolError('invalid length of cancel request packet');
  }
  return { kind: 'cancel-request', processId, secretKey };
}

function readPairs(read: ByteReader): ReadonlyMap<string, string> {
  const body = read.rest();
  // A name mangled by decoding would route or log in as somebody else.
  if (!isUtf8(body)) throw new ProtocolError('startup parameters are not valid UTF-8');
  const pairs = new Map<string, string>();
  const fields = new ByteReader(body);
  for (let name = fields.cstring(); name !== ''; name = fields.cstring()) {
    pairs.set(name, fields.cstring());
  }
  fields.expectEnd();
  return pairs;
}
