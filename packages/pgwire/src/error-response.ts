import { byte, cstring, nul } from './bytes.ts';
import type { ByteReader } from './byte-reader.ts';
import { codec } from './codec.ts';

const fieldCodes = {
  severity: 'S',
  severityNonLocalized: 'V',
  sqlstate: 'C',
  message: 'M',
  detail: 'D',
  hint: 'H',
  position: 'P',
  internalPosition: 'p',
  internalQuery: 'q',
  where: 'W',
  schema: 's',
  table: 't',
  column: 'c',
  dataType: 'd',
  constraint: 'n',
  file: 'F',
  line: 'L',
  routine: 'R',
} as const;

type FieldName = keyof typeof fieldCodes;

const fieldNames = new Map(
  Object.entries(fieldCodes).map(([name, code]) => [code.charCodeAt(0), name as FieldName]),
);

/** The fields of an error or notice, as text; a server always sends the first four. */
export type ErrorFields = { readonly [name in FieldName]?: string };

export const errorResponse = codec<ErrorFields>('E', encode, decode);
export const noticeResponse = codec<ErrorFields>('N', encode, decode);

function encode(fields: ErrorFields): Uint8Array[] {
  const parts = Object.entries(fields).map(([name, value]) =>
    Buffer.concat([byte(fieldCodes[name as FieldName].charCodeAt(0)), cstring(value)]),
  );
  return [...parts, nul];
}

/** The protocol asks readers to skip fields they do not know. */
function decode(read: ByteReader): ErrorFields {
  const fields: { [name in FieldName]?: string } = {};
  for (let code = read.byte(); code !== 0; code = read.byte()) {
    const value = read.cstring();
    const name = fieldNames.get(code);
    if (name) fields[name] = value;
  }
  return fields;
}
