import { execFile } from 'node:child_process';
import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FileLock } from '@pgfleet/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { beginBackup, endBackup } from './backup.ts';
import { readControlFile } from './control-file.ts';
import { DataDirectory } from './data-directory.ts';
import { Fixture } from './fixture.ts';
import { markHead } from './mark-head.ts';
import { finishInPlace, inPlaceSettings, prepareInPlace } from './recover-in-place.ts';
import { recoverCluster, type RecoveryTarget } from './recover-cluster.ts';
import { settingsFor } from './settings.ts';

const run = promisify(execFile);
type Place = Awaited<ReturnType<Fixture['clone']>>;

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.open(17);
});
afterAll(() => fixture[Symbol.asyncDispose]());

test('a recovery to an LSN has what was committed before it and nothing after', async () => {
  await using source = await startSource();
  await source.insert('before');
  const head = await source.mark();
  await source.insert('after');
  expect(await source.rowsAt({ kind: 'lsn', lsn: head.lsn })).toEqual(['before']);
});

test('the mark of a head is on disk, with all before it, when it is returned', async () => {
  await using source = await startSource({ wal_writer_delay: '10s', synchronous_commit: 'off' });
  for (let i = 0; i < 5; i++) {
    await source.insert('not waited for');
    const { lsn, endLsn } = await source.mark();
    expect(BigInt(`0x${endLsn.slice(2)}`)).toBeGreaterThan(BigInt(`0x${lsn.slice(2)}`));
  }
});

test('a recovery to a time has what was committed until then and nothing after', async () => {
  await using source = await startSource();
  await source.insert('one');
  const { at } = await source.mark();
  await source.insert('two');
  await source.mark();
  expect(await source.rowsAt({ kind: 'time', at })).toEqual(['one']);
});

test('a recovery begins at an image of a cluster that went on being written', async () => {
  await using source = await startSource();
  await source.insert('before the image');
  await source.takeBackup(() => source.insert('while it was taken'));
  await source.insert('after it');
  const head = await source.mark();
  const rows = await source.rowsAt({ kind: 'lsn', lsn: head.lsn });
  expect(rows).toEqual(['before the image', 'while it was taken', 'after it']);
});

test('prepared transactions are still prepared, also when there are many', async () => {
  await using source = await startSource({ max_prepared_transactions: '3' });
  for (const name of ['a', 'b', 'c']) {
    await source.sql(`BEGIN; INSERT INTO notes VALUES ('${name}'); PREPARE TRANSACTION '${name}'`);
  }
  const { lsn } = await source.mark();
  const prepared = await source.queryAt(
    { kind: 'lsn', lsn },
    'SELECT gid AS text FROM pg_prepared_xacts ORDER BY gid',
  );
  expect(prepared).toEqual(['a', 'b', 'c']);
});

test('a copy has no slots of its source, and its subscriptions are off', async () => {
  await using source = await startSource({ wal_level: 'logical' });
  await source.sql(`SELECT pg_create_logical_replication_slot('mine', 'pgoutput')`);
  await source.sql(`CREATE SUBSCRIPTION theirs CONNECTION 'host=/nowhere dbname=x' PUBLICATION p
    WITH (connect = false, enabled = false, slot_name = 'at_the_publisher')`);
  await source.sql('ALTER SUBSCRIPTION theirs ENABLE');
  const target = { kind: 'lsn', lsn: (await source.mark()).lsn } as const;
  const state = await source.queryAt(
    target,
    `SELECT subenabled || coalesce(subslotname, ' without a slot') AS text FROM pg_subscription
      UNION ALL SELECT slot_name FROM pg_replication_slots`,
  );
  expect(state).toEqual(['false without a slot']);
});

test('a recovery in place ends at its target, goes on from there and survives a crash', async () => {
  await using source = await startSource();
  await source.takeBackup(() => source.insert('while it was taken'));
  const head = await source.mark();
  await source.insert('after');
  const target = { kind: 'lsn', lsn: head.lsn } as const;
  const sql = `INSERT INTO public.notes VALUES ('own') RETURNING text`;
  const rows = await source.queryInPlaceAt(target, sql);
  expect(rows).toEqual({ first: ['own'], afterCrash: ['while it was taken', 'own'] });
});

test('a recovery in place leads through the WAL of a recovery at rest', async () => {
  await using source = await startSource();
  await source.takeBackup(() => source.insert('before'));
  await source.restart({ max_prepared_transactions: '256' });
  await source.restart();
  await source.insert('after');
  const target = { kind: 'lsn', lsn: (await source.mark()).lsn } as const;
  const { first } = await source.queryInPlaceAt(target, 'SELECT text FROM public.notes');
  expect(first).toEqual(['before', 'after']);
});

test('a recovery in place fails when its WAL ends too early or subscriptions are on', async () => {
  await using source = await startSource();
  await source.takeBackup(() => source.insert('while it was taken'));
  const beyond = { kind: 'lsn', lsn: '7F/0' } as const;
  const failed = { code: 'recovery_failed' };
  await expect(source.queryInPlaceAt(beyond, 'SELECT')).rejects.toMatchObject(failed);
  await source.sql(`CREATE SUBSCRIPTION theirs CONNECTION 'host=/nowhere dbname=x' PUBLICATION p
    WITH (connect = false, enabled = false, slot_name = 'at_the_publisher')`);
  await source.sql('ALTER SUBSCRIPTION theirs ENABLE');
  const { lsn } = await source.mark();
  const target = { kind: 'lsn', lsn } as const;
  await expect(source.queryInPlaceAt(target, 'SELECT')).rejects.toMatchObject(failed);
});

test('a recovery whose target is not in the WAL fails instead of stopping short', async () => {
  await using source = await startSource();
  await source.insert('one');
  const { endLsn } = await source.mark();
  const [high, low] = endLsn.split('/');
  const beyond = `${high}/${(Number.parseInt(low!, 16) + 0x100000).toString(16)}`;
  for (const target of [
    { kind: 'lsn', lsn: beyond },
    { kind: 'time', at: '2099-01-01T00:00:00Z' },
  ] as const) {
    await expect(source.rowsAt(target)).rejects.toMatchObject({ code: 'recovery_failed' });
  }
});

/** A running cluster with an image of it and all its WAL. */
async function startSource(settings: Readonly<Record<string, string>> = {}) {
  const place = await fixture.clone();
  const image = join(fixture.directory, `image-${Math.random()}`);
  await run('cp', ['-Rp', place.dataDirectory, image]);
  let instance = await fixture.start(place, { settings });
  let connection = await connectToPublic(place);
  await connection.script(['CREATE TABLE notes (text text)']);
  let label: string | undefined;
  const source = {
    sql: (sql: string) => connection.script([sql]),
    insert: (text: string) => connection.query('INSERT INTO notes VALUES ($1)', [text]),
    mark: () => markHead(connection),
    async restart(changed: Readonly<Record<string, string>> = settings) {
      await connection[Symbol.asyncDispose]();
      await instance.stop('fast');
      instance = await fixture.start(place, { settings: changed });
      connection = await connectToPublic(place);
    },
    async takeBackup(meanwhile: () => Promise<unknown>) {
      const backup = await beginBackup(connection, 17);
      await run('rm', ['-rf', image]);
      await cp(place.dataDirectory, image, { recursive: true, preserveTimestamps: true });
      await meanwhile();
      label = (await endBackup(connection, backup, 17)).label;
    },
    rowsAt: (target: RecoveryTarget) =>
      source.queryAt(target, 'SELECT text FROM public.notes ORDER BY ctid'),
    async queryAt(target: RecoveryTarget, sql: string): Promise<readonly string[]> {
      const copy = await fixture.clone();
      await copyOf(image, { from: place, to: copy, label });
      return recover(copy, target, sql);
    },
    async queryInPlaceAt(target: RecoveryTarget, sql: string) {
      const copy = await fixture.clone();
      await copyOf(image, { from: place, to: copy, label });
      return recoverInPlace(copy, target, sql);
    },
    async [Symbol.asyncDispose]() {
      await connection[Symbol.asyncDispose]();
      await instance.stop('immediate');
    },
  };
  return source;
}

async function connectToPublic(place: Place) {
  const connection = await fixture.connect(place);
  await connection.script(['SET search_path = public']);
  return connection;
}

interface Copy {
  readonly from: Place;
  readonly to: Place;
  readonly label: string | undefined;
}

async function copyOf(image: string, { from, to, label }: Copy): Promise<void> {
  await run('rm', ['-rf', to.dataDirectory]);
  await run('cp', ['-Rp', image, to.dataDirectory]);
  const { owner } = fixture;
  if (owner) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, to.dataDirectory]);
  using files = DataDirectory.open(to.dataDirectory);
  await files.clear('pg_wal');
  for (const name of await readdir(join(from.dataDirectory, 'pg_wal'))) {
    if (!/^[0-9A-F]{24}$/.test(name)) continue;
    await files.cloneIn(join(from.dataDirectory, 'pg_wal', name), `pg_wal/${name}`);
  }
  if (label !== undefined) await files.write('backup_label', label);
}

async function recoverInPlace(place: Place, target: RecoveryTarget, sql: string) {
  const { dataDirectory } = place;
  const { timelineNumber, redoLsn } = readControlFile(dataDirectory);
  await prepareInPlace(dataDirectory);
  const settings = inPlaceSettings(dataDirectory, {}, { target, timelineNumber });
  const texts = async (query: string) => {
    await using connection = await fixture.connect(place);
    return (await connection.query<{ text: string }>(query)).map(({ text }) => text);
  };
  const instance = await fixture.start(place, { settings });
  let first: readonly string[];
  try {
    await using connection = await fixture.connect(place);
    const postmasterPid = instance.record.postmaster.pid;
    await finishInPlace(connection, { postmasterPid, signal: AbortSignal.timeout(30_000) });
    first = await texts(sql);
  } finally {
    await instance.stop('immediate');
  }
  // Nobody has waited for a checkpoint.
  expect(readControlFile(dataDirectory).redoLsn).toBe(redoLsn);
  const again = await fixture.start(place, {});
  const afterCrash = await texts('SELECT text FROM public.notes ORDER BY ctid');
  await again.stop('fast');
  return { first, afterCrash };
}

async function recover(place: Place, target: RecoveryTarget, sql: string) {
  const { view, sandbox, owner, template } = fixture;
  using lock = FileLock.tryAcquire(place.lockPath)!;
  const { prepared } = await recoverCluster({
    ...place,
    view,
    sandbox,
    lock,
    target,
    ...(owner && { owner }),
    settings: settingsFor({ major: 17, minCu: 0.25, maxCu: 0.25 }),
    secrets: [template.adminSecret],
    prepare: (connection) => connection.query<{ text: string }>(sql),
  });
  expect(readControlFile(place.dataDirectory).state).toBe('shut_down');
  return prepared.map(({ text }) => text);
}
