import type { EndpointId } from '@pgfleet/contract';
import { expect, test } from 'vitest';
import { connectionUri, endpointHost } from './addresses.ts';
import type { Installation } from './installation.ts';

const installation: Installation = {
  regionIds: ['aws-us-east-2'],
  domain: 'db.example.com',
  pgPort: 7432,
  minSuspendTimeoutSeconds: 60,
  resolvableRegionIds: new Set(['aws-us-east-2']),
};

const target = {
  id: 'ep-misty-sea-a5833nbi' as EndpointId,
  regionId: 'aws-us-east-2',
  role: 'the owner',
  password: 'p@ss',
  database: 'neondb',
};

test('an endpoint is named below its region and the domain', () => {
  const endpoint = { ...target, isPooled: true };
  expect(endpointHost(endpoint, installation)).toBe(
    'ep-misty-sea-a5833nbi-pooler.aws-us-east-2.db.example.com',
  );
});

test('a URI names the endpoint host where that resolves', () => {
  expect(connectionUri(target, installation)).toBe(
    'postgresql://the%20owner:p%40ss@ep-misty-sea-a5833nbi.aws-us-east-2.db.example.com:7432/neondb?sslmode=require',
  );
});

test('a URI names the bare domain and carries the endpoint where the host does not resolve', () => {
  const local = { ...installation, domain: 'localhost', resolvableRegionIds: new Set<string>() };
  expect(connectionUri({ ...target, isPooled: true }, local)).toBe(
    'postgresql://the%20owner:p%40ss@localhost:7432/neondb?sslmode=require&options=endpoint%3Dep-misty-sea-a5833nbi-pooler',
  );
});

test('a URI names the authority to trust where it is a local one', () => {
  const uri = connectionUri(target, { ...installation, caFile: '/var/lib/my data/ca.crt' });
  expect(uri).toMatch(/[?]sslmode=require&sslrootcert=[/]var[/]lib[/]my%20data[/]ca[.]crt$/);
});

test('the standard port is left out', () => {
  expect(connectionUri(target, { ...installation, pgPort: 5432 })).toContain('example.com/neondb');
});

test.each(['a/b', 'a?b#c', 'x=y,z', '@:&;+$', '100%', '數 據', '%2F'])(
  'a database called %s is found by drivers that decode the path',
  (database) => {
    const { pathname } = new URL(connectionUri({ ...target, database }, installation));
    expect(decodeURIComponent(pathname.slice(1))).toBe(database);
  },
);

test('a database is found by node-postgres, which leaves some characters encoded', () => {
  const database = 'a/b=c,@:&;+$%2F';
  const { pathname } = new URL(connectionUri({ ...target, database }, installation));
  expect(decodeURI(pathname.slice(1))).toBe(database);
});
