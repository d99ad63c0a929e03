import type { Database } from './database.ts';
import type { AuditEntry } from './schema.ts';

/** Appends a row to the audit log; the database chains it to the row before. */
export async function appendAuditEntry(db: Database, entry: AuditEntry): Promise<void> {
  await db.insertInto('audit_log').values(entry).execute();
}

/** The rows at which the chain of hashes is broken: none, unless the log was tampered with. */
export async function findAuditBreaks(db: Database): Promise<number[]> {
  const rows = await db.selectFrom('audit_log_breaks').select('sequence').execute();
  return rows.map((row) => row.sequence);
}
