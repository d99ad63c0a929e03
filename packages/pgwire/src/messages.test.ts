import { describe, expect, test } from 'vitest';
import {
  backend,
  type Codec,
  frontend,
  FrameSplitter,
  ProtocolError,
  serverLimits,
} from './index.ts';

const field = {
  name: 'id',
  tableId: 4_000_000_000,
  columnId: 1,
  dataTypeId: 23,
  dataTypeSize: 4,
  dataTypeModifier: -1,
  format: 0,
};

/** One example of each message. */
const examples: readonly Example[] = [
  example('AuthenticationOk', backend.authentication, { step: 'ok' }),
  example('AuthenticationCleartextPassword', backend.authentication, {
    step: 'cleartext-password',
  }),
  example('AuthenticationSASL', backend.authentication, {
    step: 'sasl',
    mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
  }),
  example('AuthenticationSASLContinue', backend.authentication, {
    step: 'sasl-continue',
    data: Buffer.from('r=x'),
  }),
  example('AuthenticationSASLFinal', backend.authentication, {
    step: 'sasl-final',
    data: Buffer.from('v=x'),
  }),
  example('ParameterStatus', backend.parameterStatus, { name: 'a', value: 'é' }),
  example('BackendKeyData', backend.backendKeyData, {
    processId: 7,
    secretKey: Buffer.from([255, 0, 0, 1]),
  }),
  example('ReadyForQuery', backend.readyForQuery, { status: 'T' }),
  example('ErrorResponse', backend.errorResponse, {
    severity: 'FATAL',
    severityNonLocalized: 'FATAL',
    sqlstate: '57P01',
    message: 'terminating connection',
    detail: 'd',
    hint: 'h',
    position: '1',
    internalPosition: '2',
    internalQuery: 'q',
    where: 'w',
    schema: 's',
    table: 't',
    column: 'c',
    dataType: 'd',
    constraint: 'n',
    file: 'f.c',
    line: '3',
    routine: 'r',
  }),
  example('NoticeResponse', backend.noticeResponse, { severity: 'NOTICE', message: 'm' }),
  example('NegotiateProtocolVersion', backend.negotiateProtocolVersion, {
    minorVersion: 0,
    unrecognized: ['_pq_.x'],
  }),
  example('RowDescription', backend.rowDescription, { fields: [field, { ...field, name: '' }] }),
  example('DataRow', backend.dataRow, { values: [Buffer.from('1'), null, Buffer.alloc(0)] }),
  example('CommandComplete', backend.commandComplete, { command: 'SELECT 1' }),
  example('ParameterDescription', backend.parameterDescription, { dataTypeIds: [23, 25] }),
  example('CopyInResponse', backend.copyInResponse, { format: 0, columnFormats: [0, 1] }),
  example('CopyOutResponse', backend.copyOutResponse, { format: 1, columnFormats: [] }),
  example('CopyData', backend.copyData, { data: Buffer.from('a\tb\n') }),
  example('NotificationResponse', backend.notificationResponse, {
    processId: 1,
    channel: 'c',
    payload: 'p',
  }),
  example('Query', frontend.query, { sql: 'select 1' }),
  example('PasswordMessage', frontend.passwordMessage, { password: 'pw' }),
  example('SASLInitialResponse', frontend.saslInitialResponse, {
    mechanism: 'SCRAM-SHA-256',
    data: Buffer.from('n,,n=,r=x'),
  }),
  example('SASLResponse', frontend.saslResponse, { data: Buffer.from('c=biws') }),
  example('Parse', frontend.parse, { statement: 's', sql: 'select $1', dataTypeIds: [25] }),
  example('Bind', frontend.bind, {
    portal: '',
    statement: 's',
    parameterFormats: [0],
    parameters: [Buffer.from('x'), null],
    resultFormats: [1],
  }),
  example('Describe', frontend.describe, { kind: 'P', name: '' }),
  example('Close', frontend.close, { kind: 'S', name: 's' }),
  example('Execute', frontend.execute, { portal: '', maxRows: 10 }),
  example('CopyFail', frontend.copyFail, { reason: 'no' }),
];

type Example = {
  readonly name: string;
  readonly codec: Codec<unknown>;
  readonly message: unknown;
};

function example<M>(name: string, codec: Codec<M>, message: NoInfer<M>): Example {
  return { name, codec: codec as Codec<unknown>, message };
}

describe.each(examples)('$name', ({ codec, message }) => {
  const bytes = codec.encode(message);

  test('comes back as it was sent, wherever the stream is cut', () => {
    for (let cut = 0; cut < bytes.length; cut++) {
      const splitter = new FrameSplitter(serverLimits);
      splitter.push(bytes.subarray(0, cut));
      expect(splitter.next()).toBeUndefined();
      splitter.push(bytes.subarray(cut));
      const frame = splitter.next();
      expect(frame?.tag).toBe(codec.tag);
      expect(codec.decode(frame?.body ?? Buffer.alloc(0))).toEqual(message);
      expect(splitter.bufferedBytes).toBe(0);
    }
  });

  test('throws nothing but a ProtocolError when it is cut short or spoilt', () => {
    const body = bytes.subarray(5);
    for (let at = 0; at < body.length; at++) {
      const spoilt = Buffer.from(body);
      spoilt[at] = 0xff;
      expect(unexpectedError(codec, body.subarray(0, at))).toBeUndefined();
      expect(unexpectedError(codec, spoilt)).toBeUndefined();
    }
  });
});

function unexpectedError(codec: Codec<unknown>, body: Buffer): unknown {
  try {
    codec.decode(body);
    return undefined;
  } catch (error) {
    return error instanceof ProtocolError ? undefined : error;
  }
}

test.each([
  ['AuthenticationOk', backend.authentication.encode({ step: 'ok' }), '520000000800000000'],
  [
    'ParameterStatus',
    backend.parameterStatus.encode({ name: 'a', value: 'é' }),
    '53000000096100c3a900',
  ],
  ['ReadyForQuery', backend.readyForQuery.encode({ status: 'T' }), '5a0000000554'],
  ['Query', frontend.query.encode({ sql: 'select 1' }), '510000000d73656c656374203100'],
  ['Sync', frontend.sync.frame, '5300000004'],
])('%s has the bytes the documentation gives', (_name, frame, hex) => {
  expect(frame.toString('hex')).toBe(hex);
});

test('a message that is longer than its fields is refused', () => {
  const body = Buffer.concat([
    backend.readyForQuery.encode({ status: 'I' }).subarray(5),
    Buffer.of(0),
  ]);
  expect(() => backend.readyForQuery.decode(body)).toThrow(ProtocolError);
});

test('a string with a zero byte cannot be sent', () => {
  expect(() => frontend.query.encode({ sql: 'a\0b' })).toThrow(ProtocolError);
});

test('error fields that are not known yet are skipped', () => {
  const body = Buffer.from('Mhello\0?unknown\0\0');
  expect(backend.errorResponse.decode(body)).toEqual({ message: 'hello' });
});
