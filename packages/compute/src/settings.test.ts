import { expect, test } from 'vitest';
import { instanceSettings, maxConnectionsFor, settingsFor } from './settings.ts';

test.each([
  [0.25, 104],
  [0.5, 209],
  [1, 419],
  [2, 839],
  [3, 1258],
  [4, 1678],
  [5, 2098],
  [6, 2517],
  [7, 2937],
  [8, 3357],
  [9, 4000],
  [56, 4000],
])('a compute of %f CU takes as many connections as on Neon', (cu, connections) => {
  expect(maxConnectionsFor({ minCu: cu, maxCu: cu })).toBe(connections);
});

test('a wide range counts eight times its smallest size at most', () => {
  expect(maxConnectionsFor({ minCu: 0.25, maxCu: 8 })).toBe(839);
});

test('shared buffers follow the largest size, with a floor', () => {
  const buffers = (maxCu: number) =>
    settingsFor({ major: 17, minCu: 0.25, maxCu })['shared_buffers'];
  expect([0.1, 0.25, 1, 8].map(buffers)).toEqual(['16MB', '32MB', '128MB', '1024MB']);
});

test("a tenant's settings replace defaults but nothing that pgfleet relies on", () => {
  const tenant = { work_mem: '64MB', listen_addresses: '*', fsync: 'off', archive_mode: 'on' };
  const settings = settingsFor({ major: 17, minCu: 1, maxCu: 1, tenant });
  expect(settings).toMatchObject({
    work_mem: '64MB',
    listen_addresses: '',
    fsync: 'on',
    archive_mode: 'off',
  });
});

test("a tenant's settings have no second spelling that gets around that", () => {
  const tenant = {
    fsync: 'on',
    FSYNC: 'off',
    'Archive-Mode': 'off',
    UNIX_SOCKET_DIRECTORIES: '/tmp',
    'max-connections': '9',
    'work_mem=1GB -c fsync': 'off',
    hba_file: '/data/base/1/x',
    log_statement: 'all',
    '': 'x',
    'My.Setting': 'kept',
  };
  const settings = settingsFor({ major: 17, minCu: 1, maxCu: 1, tenant });
  const plain = settingsFor({ major: 17, minCu: 1, maxCu: 1 });
  expect(settings).toEqual({ ...plain, 'my.setting': 'kept' });
});

test("the host's own settings win over everything", () => {
  const settings = settingsFor({ major: 17, minCu: 1, maxCu: 1, override: { fsync: 'off' } });
  expect(settings['fsync']).toBe('off');
});

test('nothing that a running instance cannot take over when its size changes is in the file', () => {
  const [small, large] = [0.25, 8].map((cu) =>
    instanceSettings({ major: 17, minCu: cu, maxCu: cu }),
  );
  const changed = Object.keys(small!.changeable).filter(
    (name) => small!.changeable[name] !== large!.changeable[name],
  );
  expect(changed.toSorted()).toEqual([
    'effective_cache_size',
    'maintenance_work_mem',
    'max_parallel_workers',
    'max_parallel_workers_per_gather',
  ]);
});

test("what only pgfleet chooses is on the command line, and in the file nothing of a tenant's about it", () => {
  const tenant = { fsync: 'off', wal_level: 'minimal', shared_preload_libraries: 'x', port: '1' };
  const { fixed, changeable } = instanceSettings({
    major: 17,
    minCu: 1,
    maxCu: 1,
    tenant,
    logicalReplication: true,
    preloadLibraries: ['auto_explain', 'pg_prewarm'],
  });
  expect(fixed).toMatchObject({ fsync: 'on', wal_level: 'logical', port: '5432' });
  expect(changeable['shared_preload_libraries']).toBe('auto_explain,pg_prewarm');
  for (const name of Object.keys(fixed)) expect(changeable).not.toHaveProperty(name);
});
