/** The messages a server sends. Source: "Message Formats" in the Postgres documentation. */
import { byte, cstring, int16, int32, list, nullableBytes } from './bytes.ts';
import type { ByteReader } from './byte-reader.ts';
import { codec, signal } from './codec.ts';
import { ProtocolError } from './protocol-error.ts';

export { authentication } from './authentication.ts';
export { errorResponse, noticeResponse } from './error-response.ts';

export const parameterStatus = codec<{ name: string; value: string }>(
  'S',
  ({ name, value }) => [cstring(name), cstring(value)],
  (read) => ({ name: read.cstring(), value: read.cstring() }),
);

/** `secretKey` has 4 bytes in protocol 3.0. */
export const backendKeyData = codec<{ processId: number; secretKey: Buffer }>(
  'K',
  ({ processId, secretKey }) => [int32(processId), secretKey],
  (read) => ({ processId: read.int32(), secretKey: read.rest() }),
);

/** `I` idle, `T` in a transaction block, `E` in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

export const readyForQuery = codec<{ status: TransactionStatus }>(
  'Z',
  ({ status }) => [Buffer.from(status)],
  (read) => ({ status: readStatus(read) }),
);

function readStatus(read: ByteReader): TransactionStatus {
  const status = String.fromCharCode(read.byte());
  if (status === 'I' || status === 'T' || status === 'E') return status;
  throw new ProtocolError('unknown transaction status');
}

/** `minorVersion` is the newest the server speaks; `unrecognized` are `_pq_.` options it does not. */
export const negotiateProtocolVersion = codec<{
  minorVersion: number;
  unrecognized: readonly string[];
}>(
  'v',
  ({ minorVersion, unrecognized }) => [
    int32((3 << 16) | minorVersion),
    int32(unrecognized.length),
    ...unrecognized.map(cstring),
  ],
  (read) => ({
    minorVersion: read.int32() & 0xffff,
    unrecognized: readNames(read, read.uint32()),
  }),
);

function readNames(read: ByteReader, count: number): string[] {
  if (count > read.remaining) throw new ProtocolError('a message is shorter than its fields');
  return Array.from({ length: count }, () => read.cstring());
}

export type FieldDescription = {
  readonly name: string;
  readonly tableId: number;
  readonly columnId: number;
  readonly dataTypeId: number;
  readonly dataTypeSize: number;
  readonly dataTypeModifier: number;
  readonly format: number;
};

export const rowDescription = codec<{ fields: readonly FieldDescription[] }>(
  'T',
  ({ fields }) => [
    list(fields, (field) =>
      Buffer.concat([
        cstring(field.name),
        int32(field.tableId),
        int16(field.columnId),
        int32(field.dataTypeId),
        int16(field.dataTypeSize),
        int32(field.dataTypeModifier),
        int16(field.format),
      ]),
    ),
  ],
  (read) => ({
    fields: read.list(() => ({
      name: read.cstring(),
      tableId: read.uint32(),
      columnId: read.int16(),
      dataTypeId: read.uint32(),
      dataTypeSize: read.int16(),
      dataTypeModifier: read.int32(),
      format: read.int16(),
    })),
  }),
);

export const dataRow = codec<{ values: readonly (Buffer | null)[] }>(
  'D',
  ({ values }) => [list(values, nullableBytes)],
  (read) => ({ values: read.list(() => read.nullableBytes()) }),
);

/** `command` is the tag, as `INSERT 0 1`. */
export const commandComplete = codec<{ command: string }>(
  'C',
  ({ command }) => [cstring(command)],
  (read) => ({ command: read.cstring() }),
);

export const parameterDescription = codec<{ dataTypeIds: readonly number[] }>(
  't',
  ({ dataTypeIds }) => [list(dataTypeIds, int32)],
  (read) => ({ dataTypeIds: read.list(() => read.uint32()) }),
);

export type CopyResponse = { readonly format: number; readonly columnFormats: readonly number[] };

export const copyInResponse = copyResponse('G');
export const copyOutResponse = copyResponse('H');
export const copyBothResponse = copyResponse('W');

function copyResponse(tag: string) {
  return codec<CopyResponse>(
    tag,
    ({ format, columnFormats }) => [byte(format), list(columnFormats, int16)],
    (read) => ({ format: read.byte(), columnFormats: read.list(() => read.int16()) }),
  );
}

export const copyData = codec<{ data: Buffer }>(
  'd',
  ({ data }) => [data],
  (read) => ({ data: read.rest() }),
);

export const notificationResponse = codec<{ processId: number; channel: string; payload: string }>(
  'A',
  ({ processId, channel, payload }) => [int32(processId), cstring(channel), cstring(payload)],
  (read) => ({ processId: read.int32(), channel: read.cstring(), payload: read.cstring() }),
);

export const copyDone = signal('c');
export const emptyQueryResponse = signal('I');
export const parseComplete = signal('1');
export const bindComplete = signal('2');
export const closeComplete = signal('3');
export const portalSuspended = signal('s');
export const noData = signal('n');
