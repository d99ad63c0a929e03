import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const schema = Type.Object({
  API_PORT: Type.Integer({ default: 7400, minimum: 0, maximum: 65535 }),
  REGIONS: Type.String({ default: 'aws-us-east-2' }),
  TOKEN: Type.String(),
});

test('text becomes typed values and defaults fill the gaps', () => {
  expect(readConfig(schema, { API_PORT: '8080', TOKEN: 't', REGIONS: '', OTHER: 'x' })).toEqual({
    API_PORT: 8080,
    REGIONS: 'aws-us-east-2',
    TOKEN: 't',
  });
});

test('every problem is reported at once', () => {
  const read = () => readConfig(schema, { API_PORT: 'many' });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(/API_PORT/);
  expect(read).toThrow(/TOKEN: must be set/);
});
