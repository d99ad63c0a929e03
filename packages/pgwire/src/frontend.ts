/** The messages a client sends. Source: "Message Formats" in the Postgres documentation. */
import type { ByteReader } from './byte-reader.ts';
import { byte, cstring, int16, int32, list, nullableBytes } from './bytes.ts';
import { codec, signal } from './codec.ts';
import { ProtocolError } from './protocol-error.ts';

export const query = codec<{ sql: string }>(
  'Q',
  ({ sql }) => [cstring(sql)],
  (read) => ({ sql: read.cstring() }),
);

/** Password, SASLInitialResponse and SASLResponse share this tag; the login's step tells them apart. */
export const passwordMessage = codec<{ password: string }>(
  'p',
  ({ password }) => [cstring(password)],
  (read) => ({ password: read.cstring() }),
);

export const saslInitialResponse = codec<{ mechanism: string; data: Buffer }>(
  'p',
  ({ mechanism, data }) => [cstring(mechanism), nullableBytes(data)],
  (read) => ({ mechanism: read.cstring(), data: read.nullableBytes() ?? Buffer.alloc(0) }),
);

export const saslResponse = codec<{ data: Buffer }>(
  'p',
  ({ data }) => [data],
  (read) => ({ data: read.rest() }),
);

export const parse = codec<{ statement: string; sql: string; dataTypeIds: readonly number[] }>(
  'P',
  ({ statement, sql, dataTypeIds }) => [cstring(statement), cstring(sql), list(dataTypeIds, int32)],
  (read) => ({
    statement: read.cstring(),
    sql: read.cstring(),
    dataTypeIds: read.list(() => read.uint32()),
  }),
);

export type Bind = {
  readonly portal: string;
  readonly statement: string;
  readonly parameterFormats: readonly number[];
  readonly parameters: readonly (Buffer | null)[];
  readonly resultFormats: readonly number[];
};

export const bind = codec<Bind>(
  'B',
  (message) => [
    cstring(message.portal),
    cstring(message.statement),
    list(message.parameterFormats, int16),
    list(message.parameters, nullableBytes),
    list(message.resultFormats, int16),
  ],
  (read) => ({
    portal: read.cstring(),
    statement: read.cstring(),
    parameterFormats: read.list(() => read.int16()),
    parameters: read.list(() => read.nullableBytes()),
    resultFormats: read.list(() => read.int16()),
  }),
);

/** What Describe and Close speak of: a prepared statement (`S`) or a portal (`P`). */
export type Target = { readonly kind: 'S' | 'P'; readonly name: string };

export const describe = codec<Target>('D', encodeTarget, decodeTarget);
export const close = codec<Target>('C', encodeTarget, decodeTarget);

function encodeTarget({ kind, name }: Target): Uint8Array[] {
  return [byte(kind.charCodeAt(0)), cstring(name)];
}

function decodeTarget(read: ByteReader): Target {
  const kind = String.fromCharCode(read.byte());
  if (kind !== 'S' && kind !== 'P') throw new ProtocolError('neither a statement nor a portal');
  return { kind, name: read.cstring() };
}

/** `maxRows` 0 stands for all. */
export const execute = codec<{ portal: string; maxRows: number }>(
  'E',
  ({ portal, maxRows }) => [cstring(portal), int32(maxRows)],
  (read) => ({ portal: read.cstring(), maxRows: read.int32() }),
);

export const copyData = codec<{ data: Buffer }>(
  'd',
  ({ data }) => [data],
  (read) => ({ data: read.rest() }),
);

export const copyFail = codec<{ reason: string }>(
  'f',
  ({ reason }) => [cstring(reason)],
  (read) => ({ reason: read.cstring() }),
);

export const copyDone = signal('c');
export const sync = signal('S');
export const flush = signal('H');
export const terminate = signal('X');
