import { expect, test } from 'vitest';
import { readableLine } from './readable-line.ts';

const record = {
  level: 'warn',
  time: '2000-01-01T12:34:56.789Z',
  process: 'host',
  pid: 7,
  msg: 'compute died',
  endpoint_id: 'ep-a',
  err: { message: 'no such file', stack: '…' },
};

test('a warning is one line with time, process, message, fields and the error', () => {
  expect(readableLine('host-x', JSON.stringify(record))).toBe(
    '12:34:56 warn host-x: compute died endpoint_id=ep-a: no such file',
  );
});

test('information stays in the log file', () => {
  expect(readableLine('host-x', JSON.stringify({ ...record, level: 'info' }))).toBeUndefined();
});

test('a line that is no record is shown as it is', () => {
  expect(readableLine('proxy-0', 'Segmentation fault')).toBe('proxy-0: Segmentation fault');
});
