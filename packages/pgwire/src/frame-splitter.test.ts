import { expect, test } from 'vitest';
import {
  backend,
  clientLimits,
  FrameSplitter,
  frontend,
  loginLimits,
  ProtocolError,
} from './index.ts';

const frames = [
  frontend.query.encode({ sql: 'select 1' }),
  frontend.sync.frame,
  frontend.copyData.encode({ data: Buffer.alloc(9000, 'x') }),
];

test('a stream cut at every byte gives the same messages', () => {
  const stream = Buffer.concat(frames);
  const splitter = new FrameSplitter(clientLimits);
  const seen: Buffer[] = [];
  for (const byte of stream) {
    splitter.push(Buffer.of(byte));
    for (let frame = splitter.next(); frame; frame = splitter.next()) seen.push(frame.bytes);
  }
  expect(seen).toEqual(frames);
});

test('several messages in one chunk are views of that chunk', () => {
  const stream = Buffer.concat(frames);
  const splitter = new FrameSplitter(clientLimits);
  splitter.push(stream);
  expect(splitter.next()?.bytes.buffer).toBe(stream.buffer);
  expect(splitter.next()?.bytes).toEqual(frames[1]);
});

test('what follows a message can be taken raw', () => {
  const splitter = new FrameSplitter(clientLimits);
  splitter.push(Buffer.concat([...frames, Buffer.from('raw')]));
  splitter.next();
  expect(splitter.takeRest()).toEqual(Buffer.concat([...frames.slice(1), Buffer.from('raw')]));
  expect(splitter.bufferedBytes).toBe(0);
});

test.each([
  ['shorter than itself', 3],
  ['negative', -1],
  ['beyond the limit', 65_536],
])('a length that is %s is refused at the header', (_what, length) => {
  const header = Buffer.alloc(5, 'p');
  header.writeInt32BE(length, 1);
  const splitter = new FrameSplitter(loginLimits);
  splitter.push(header);
  expect(() => splitter.next()).toThrow(ProtocolError);
});

test('a limit holds for its kind of message', () => {
  const long = backend.parameterStatus.encode({ name: 'x'.repeat(20_000), value: '' });
  const splitter = new FrameSplitter(clientLimits);
  splitter.push(long);
  expect(() => splitter.next()).toThrow('invalid message length');
});
