import { expect, test } from 'vitest';
import { readPlatformConfig } from './config.ts';

test('nothing has to be set', () => {
  const config = readPlatformConfig({});
  expect(config).toMatchObject({
    api: { address: '127.0.0.1', port: 7400 },
    postgres: { address: '127.0.0.1', port: 7432 },
    regions: ['aws-us-east-2'],
    domain: 'localhost',
    volume: 'auto',
    minSuspendTimeoutSeconds: 60,
  });
  expect(config.dataDir).toBe(`${process.cwd()}/.pgfleet`);
});

test('regions are split at commas and trimmed', () => {
  expect(readPlatformConfig({ PGFLEET_REGIONS: 'a, b-1' }).regions).toEqual(['a', 'b-1']);
});

test('every mistake is reported, each on its own line', () => {
  const env = {
    PGFLEET_API_PORT: 'many',
    PGFLEET_VOLUME: 'floppy',
    PGFLEET_REGIONS: 'Ohio,b,b',
    PGFLEET_PG_ADDRESS: 'everywhere',
    PGFLEET_DOMAIN: 'under_score',
    PGFLEET_TLS_CERT_FILE: '/some.crt',
  };
  let message = '';
  try {
    readPlatformConfig(env);
  } catch (error) {
    ({ message } = error as Error);
  }
  expect(message.split('\n')).toEqual([
    'PGFLEET_API_PORT: must be integer',
    'PGFLEET_VOLUME: must be one of auto, reflink, btrfs, copy',
    'PGFLEET_REGIONS: "Ohio" is not a region name (lower-case letters, digits, dashes)',
    'PGFLEET_REGIONS: names a region twice',
    'PGFLEET_PG_ADDRESS: "everywhere" is not an IP address',
    'PGFLEET_DOMAIN: "under_score" is not a lower-case domain name',
    'PGFLEET_TLS_KEY_FILE: must be set as well: certificate and key belong together',
  ]);
});

test('the two ports differ', () => {
  expect(() => readPlatformConfig({ PGFLEET_PG_PORT: '7400' })).toThrow(
    'PGFLEET_PG_PORT: must differ from PGFLEET_API_PORT',
  );
});
