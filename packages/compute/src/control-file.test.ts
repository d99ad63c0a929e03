import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readControlFile } from './control-file.ts';
import { crc32c } from './crc32c.ts';
import { Fixture } from './fixture.ts';
import { findInstallations } from './installation.ts';

const majors = (await findInstallations()).map(({ major }) => major);
// No two alike, and none a default.
const chosen = {
  max_connections: '37',
  superuser_reserved_connections: '3',
  max_worker_processes: '11',
  max_wal_senders: '13',
  max_prepared_transactions: '17',
  max_locks_per_transaction: '71',
};

test('a checksum is what the standard says of 32 zeros, whole or in parts', () => {
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(5), Buffer.alloc(27))).toBe(0x8a9136aa);
});

describe.each(majors)('the control file of Postgres %i', (major) => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await Fixture.open(major);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test('says what the running cluster says', async () => {
    const place = await fixture.clone();
    await fixture.start(place, { settings: chosen });
    await using admin = await fixture.connect(place);
    await admin.query('CHECKPOINT');
    const [row] = await admin.query(
      `SELECT current_setting('max_connections')::int AS "maxConnections",
        current_setting('max_worker_processes')::int AS "maxWorkerProcesses",
        current_setting('max_wal_senders')::int AS "maxWalSenders",
        current_setting('max_prepared_transactions')::int AS "maxPreparedTransactions",
        current_setting('max_locks_per_transaction')::int AS "maxLocksPerTransaction",
        bytes_per_wal_segment AS "walSegmentBytes", data_page_checksum_version > 0 AS "dataChecksums",
        system_identifier::text AS id, timeline_id AS "timelineNumber",
        redo_lsn - '0/0' AS redo, checkpoint_lsn - '0/0' AS checkpoint
        FROM pg_control_init(), pg_control_system(), pg_control_checkpoint()`,
    );
    const { id, redo, checkpoint, ...rest } = row as Record<string, string>;
    expect(readControlFile(place.dataDirectory)).toEqual({
      ...rest,
      state: 'in_production',
      systemIdentifier: BigInt(id!),
      redoLsn: BigInt(redo!),
      checkpointLsn: BigInt(checkpoint!),
    });
    expect(rest).toMatchObject({ maxConnections: 37, maxLocksPerTransaction: 71 });
    expect(rest).toMatchObject({ walSegmentBytes: 16_777_216, dataChecksums: true });
  });

  test('is refused when a byte of it is wrong, when it is cut short, or of another version', async () => {
    const { dataDirectory } = await fixture.clone();
    const path = join(dataDirectory, 'global', 'pg_control');
    const whole = readFileSync(path);
    const write = (change: (bytes: Buffer) => Buffer) =>
      writeFileSync(path, change(Buffer.from(whole)));
    const read = () => readControlFile(dataDirectory);
    write((bytes) => bytes.fill(bytes[40]! ^ 1, 40, 41));
    expect(read).toThrow(expect.objectContaining({ code: 'data_directory_damaged' }));
    write((bytes) => bytes.subarray(0, 100));
    expect(read).toThrow(expect.objectContaining({ code: 'data_directory_damaged' }));
    write((bytes) => bytes.fill(99, 8, 12));
    expect(read).toThrow(expect.objectContaining({ code: 'installation_unusable' }));
    write((bytes) => bytes);
    expect(read().state).toBe('shut_down');
  });
});
