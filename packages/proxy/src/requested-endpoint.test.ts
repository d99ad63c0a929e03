import { expect, test } from 'vitest';
import { postgresOptions, requestedEndpoint, splitPassword } from './requested-endpoint.ts';

const id = 'ep-misty-sea-a5833nbi';
const branchId = 'br-noisy-breeze-a5e59rrb';
const region = 'aws-us-east-2';
const regional = { name: id, regionId: region };
type Given = { readonly sni?: string; readonly options?: string };

test.each([
  [
    'a branch id in its place',
    { sni: `${branchId}.${region}.pg.example` },
    { name: branchId, regionId: region },
  ],
  ['a branch id in an option', { options: `endpoint=${branchId}` }, { name: branchId }],
  ['the full host name', { sni: `${id}.${region}.pg.example` }, regional],
  ['any case', { sni: `${id}.${region}.PG.Example`.toUpperCase() }, regional],
  ['a pooler name', { sni: `${id}-pooler.${region}.pg.example` }, regional],
  ['a name without region', { sni: `${id}.pg.example` }, { name: id }],
  ['an option', { options: `endpoint=${id}` }, { name: id }],
  [
    'an option under the bare domain',
    { sni: 'pg.example', options: `endpoint=${id}-pooler` },
    { name: id },
  ],
  [
    'an option under a foreign name',
    { sni: 'db.other.example', options: `project=${id}` },
    { name: id },
  ],
  [
    'both, in agreement',
    { sni: `${id}.pg.example`, options: `endpoint=${id}-pooler` },
    { name: id },
  ],
  ['the bare domain alone', { sni: 'pg.example' }, undefined],
  ['an address', { options: '-c geqo=off' }, undefined],
])('the endpoint is taken from %s', (_what, { sni, options = '' }: Given, expected) => {
  expect(requestedEndpoint(sni, options, 'pg.example')).toEqual(expected);
});

test.each(['ep_x', '../etc', '', 'x'.repeat(61)])('"%s" is not an endpoint', (option) => {
  expect(() => requestedEndpoint(undefined, `endpoint=${option}`, 'd')).toThrow('cannot be found');
});

test.each([
  [`endpoint=${id};pw`, 'pw'],
  [`endpoint=${id}$p;w$d`, 'p;w$d'],
  [`project=${id};`, ''],
])('%s splits into endpoint and password', (text, password) => {
  expect(splitPassword(text)).toEqual({ name: id, password });
});

test('a password that names no endpoint is explained', () => {
  expect(() => splitPassword('secret')).toThrow('Endpoint ID is not specified');
});

test('Postgres gets its own options and not the words of the proxy', () => {
  const point = 'neon_timestamp:2024-01-31\\ 12:00:00 +02';
  const given = `-c search_path=a\\ b endpoint=${id} ${point} neon_endpoint_type:read_only -c geqo=off`;
  expect(postgresOptions(given)).toBe('-c search_path=a\\ b -c geqo=off');
});
