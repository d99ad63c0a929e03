import { createHash } from 'node:crypto';
import type { PointInTime } from '@pgfleet/contract';
import { retry } from '@pgfleet/kit';
import type { Client } from 'pg';
import { timestampMicros } from '../history/nearest-point.ts';
import { parseLsn } from '../history/wal-segment.ts';
import { connect } from '../test-host.ts';

const KINDS = ['plain', 'prepared', 'table', 'large object', 'sequence'] as const;
type Kind = (typeof KINDS)[number];

/** A moment by the cluster's clock and by its WAL. */
interface Moment {
  readonly micros: number;
  readonly lsn: bigint;
}

/** One transaction of a session: it committed after `before` and, as its client knows, before `after`. */
interface Entry {
  readonly session: number;
  readonly number: number;
  readonly kind: Kind;
  readonly before: Moment;
  readonly after: Moment;
  /** Between these it was prepared and not yet committed. */
  readonly prepared?: { readonly after: Moment; readonly before: Moment };
}

export interface LedgerOptions {
  readonly sessions: number;
  readonly random: () => number;
  /** Where the compute listens, which is started should it be asleep. */
  readonly socketPath: () => Promise<string>;
}

/**
 * For tests: several sessions that write a ledger, and what each knows of when its transactions
 * committed; afterwards says what a copy of it as of a point has to have.
 */
export class Ledger {
  readonly entries: Entry[] = [];
  readonly #options: LedgerOptions;
  #isOver = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  async prepare(): Promise<void> {
    await using connection = await this.#connect();
    await connection.client.query(`
      CREATE SEQUENCE ids;
      CREATE TABLE ledger (session int, number int, id bigint DEFAULT nextval('ids'), kind text,
        payload text, object oid, PRIMARY KEY (session, number));
      CREATE TABLE balances (session int PRIMARY KEY, count int NOT NULL);
      CREATE UNLOGGED TABLE scratch (session int, number int);
      INSERT INTO balances SELECT n, 0 FROM generate_series(0, ${this.#options.sessions - 1}) n`);
  }

  /** Writes until {@link stop}; whatever breaks a connection only interrupts it. */
  async write(): Promise<void> {
    const sessions = Array.from({ length: this.#options.sessions }, (_, n) => n);
    await Promise.all(sessions.map((session) => this.#writeAs(session)));
  }

  stop(): void {
    this.#isOver = true;
  }

  /** What is wrong with a copy of the ledger as of a point; and how many rows were compared. */
  async compare(
    client: Client,
    at: PointInTime,
  ): Promise<{ readonly rows: number; readonly mismatches: readonly string[] }> {
    const mismatches: string[] = [];
    const found = await readLedger(client);
    for (const entry of this.entries) {
      const name = `${entry.session}/${entry.number} (${entry.kind})`;
      const row = found.get(`${entry.session}/${entry.number}`);
      if (isAtOrBefore(entry.after, at) && !row) mismatches.push(`${name} is missing`);
      if (isBeyond(entry.before, at) && row) mismatches.push(`${name} is from the future`);
      if (row && row.payload !== digest(payload(entry))) mismatches.push(`${name} differs`);
      if (row && !row.whole) mismatches.push(`${name} is not whole`);
      const { prepared } = entry;
      const isPending =
        prepared && isAtOrBefore(prepared.after, at) && isBeyond(prepared.before, at);
      if (isPending && !(await isPrepared(client, entry)))
        mismatches.push(`${name} is not prepared`);
    }
    mismatches.push(...(await this.#contradictions(client)));
    return { rows: found.size, mismatches };
  }

  /** The cluster's moment now. */
  async now(): Promise<Moment> {
    await using connection = await this.#connect();
    return await moment(connection.client);
  }

  // What must hold at any point whatsoever, known to the ledger or not.
  async #contradictions(client: Client): Promise<readonly string[]> {
    const { rows } = await client.query<{ problem: string }>(`
      SELECT 'numbers of ' || session || ' have holes' AS problem FROM ledger
        GROUP BY session HAVING max(number) <> count(*)
      UNION ALL
      SELECT 'balance of ' || b.session || ' is ' || b.count FROM balances b
        WHERE b.count <> (SELECT count(*) FROM ledger l WHERE l.session = b.session)
      UNION ALL
      SELECT 'the sequence is behind' FROM ids WHERE last_value < (SELECT max(id) FROM ledger)
      UNION ALL
      SELECT 'the index and the table differ' WHERE
        (SELECT count(*) FROM ledger) <> (SELECT count(*) FROM (
          SELECT 1 FROM ledger WHERE session >= 0 ORDER BY session, number) rows)`);
    await client.query('INSERT INTO scratch VALUES (0, 0)');
    return rows.map(({ problem }) => problem);
  }

  async #writeAs(session: number): Promise<void> {
    let number = 1;
    while (!this.#isOver) {
      try {
        await using connection = await this.#connect();
        number = await this.#recall(connection.client, { session, number });
        for (; !this.#isOver; number++) {
          this.entries.push(await this.#commitOne(connection.client, session, number));
        }
      } catch (error) {
        if (!isLostConnection(error)) throw error;
      }
    }
  }

  // Whether the transaction in which the connection was lost committed is known only afterwards.
  async #recall(
    client: Client,
    { session, number }: { readonly session: number; readonly number: number },
  ): Promise<number> {
    await client.query(`SELECT pg_advisory_lock(${session})`);
    const { rows: stuck } = await client.query<{ gid: string }>(
      'SELECT gid FROM pg_prepared_xacts WHERE gid LIKE $1',
      [`${session}/%`],
    );
    for (const { gid } of stuck) await client.query(`ROLLBACK PREPARED '${gid}'`);
    const { rows } = await client.query('SELECT FROM ledger WHERE session = $1 AND number = $2', [
      session,
      number,
    ]);
    return rows.length === 0 ? number : number + 1;
  }

  async #commitOne(client: Client, session: number, number: number): Promise<Entry> {
    const kind = KINDS[Math.floor(this.#options.random() ** 3 * KINDS.length)] ?? 'plain';
    const entry = { session, number, kind };
    let before = await moment(client);
    await client.query('BEGIN');
    await writeRow(client, entry);
    if (kind !== 'prepared') {
      await client.query('COMMIT');
      return { ...entry, before, after: await moment(client) };
    }
    await client.query(`PREPARE TRANSACTION '${session}/${number}'`);
    const after = await moment(client);
    before = await moment(client);
    await client.query(`COMMIT PREPARED '${session}/${number}'`);
    return { ...entry, before, after: await moment(client), prepared: { after, before } };
  }

  // A compute that was killed counts as running until its death is noticed.
  #connect() {
    return retry(async () => connect(await this.#options.socketPath()), {
      attempts: 50,
      baseMs: 20,
      capMs: 200,
      retryable: isLostConnection,
    });
  }
}

async function writeRow(
  client: Client,
  entry: Pick<Entry, 'session' | 'number' | 'kind'>,
): Promise<void> {
  const { session, number, kind } = entry;
  const object = kind === 'large object' ? 'lo_from_bytea(0, $4::text::bytea)' : 'NULL';
  await client.query(
    `INSERT INTO ledger (session, number, kind, payload, object)
      VALUES ($1, $2, $3, $4, ${object})`,
    [session, number, kind, payload(entry)],
  );
  await client.query('UPDATE balances SET count = count + 1 WHERE session = $1', [session]);
  await client.query('INSERT INTO scratch VALUES ($1, $2)', [session, number]);
  if (kind === 'table') await client.query(`CREATE TABLE made_${session}_${number} AS SELECT 1`);
  if (kind === 'sequence') await client.query(`SELECT nextval('ids') FROM generate_series(1, 40)`);
}

// Text that does not compress, so that WAL grows by what is written.
function payload({ session, number }: Pick<Entry, 'session' | 'number'>): string {
  let text = '';
  for (let part = 0; part < 40; part++) text += digest(`${session}/${number}/${part}`);
  return text;
}

function digest(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

async function moment(client: Client): Promise<Moment> {
  const { rows } = await client.query<{ at: string; lsn: string }>(
    `SELECT pg_current_wal_insert_lsn()::text AS lsn,
      (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text AS at`,
  );
  return { micros: Number(rows[0]!.at), lsn: parseLsn(rows[0]!.lsn) };
}

interface Row {
  readonly payload: string;
  readonly whole: boolean;
}

async function readLedger(client: Client): Promise<ReadonlyMap<string, Row>> {
  const { rows } = await client.query<Row & { key: string }>(`
    SELECT session || '/' || number AS key, md5(payload) AS payload,
      CASE kind WHEN 'table' THEN to_regclass('made_' || session || '_' || number) IS NOT NULL
        WHEN 'large object' THEN encode(lo_get(object), 'escape') = payload
        ELSE true END AS whole
    FROM ledger`);
  return new Map(rows.map(({ key, ...row }) => [key, row]));
}

async function isPrepared(
  client: Client,
  { session, number }: Pick<Entry, 'session' | 'number'>,
): Promise<boolean> {
  const gid = `${session}/${number}`;
  const { rows } = await client.query('SELECT FROM pg_prepared_xacts WHERE gid = $1', [gid]);
  return rows.length > 0;
}

function isAtOrBefore({ micros, lsn }: Moment, at: PointInTime): boolean {
  if (at.kind === 'head') return true;
  return at.kind === 'lsn' ? lsn <= parseLsn(at.lsn) : micros <= timestampMicros(at.at);
}

function isBeyond({ micros, lsn }: Moment, at: PointInTime): boolean {
  if (at.kind === 'head') return false;
  return at.kind === 'lsn' ? lsn >= parseLsn(at.lsn) : micros > timestampMicros(at.at);
}

// Class 08 and 57 of SQLSTATE, and what the system or the driver says of a socket that is gone.
function isLostConnection(error: unknown): boolean {
  const code = (error as { readonly code?: unknown }).code;
  if (code === undefined) return error instanceof Error;
  return typeof code === 'string' && /^(08|57P|E[A-Z]+$)/.test(code);
}
