import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { newOrganizationId } from '@pgfleet/contract';
import type { UserId } from '@pgfleet/contract';
import { hashToken, writeFileAtomic } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import { sql } from 'kysely';
import { isApiKey, newApiKey } from './domain/api-key.ts';
import { insertOrganization, insertUser } from './store/accounts.ts';
import { findAdminKey, insertApiKey, revokeApiKey } from './store/api-keys.ts';
import type { Database } from './store/database.ts';
import type { ApiKeyRow } from './store/schema.ts';

export interface BootstrapOptions {
  readonly db: Database;
  /** Where the admin's key is kept, readable by its owner only. */
  readonly keyFile: string;
  readonly log: Logger;
}

/**
 * Makes sure that somebody can use the API: the first start creates an organization, a user and an
 * API key, and writes the key to `keyFile`; later starts leave them alone.
 *
 * The database only knows the key's hash, so a lost file cannot be written again. An operator who
 * puts an empty file in its place asks for a new key: the old one is revoked.
 */
export async function bootstrap({ db, keyFile, log }: BootstrapOptions): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('pgfleet.bootstrap', 0))`.execute(tx);
    const adminKey = await findAdminKey(tx);
    const text = existsSync(keyFile) ? readFileSync(keyFile, 'utf8').trim() : undefined;
    if (!adminKey) {
      await createAccount(tx, { keyFile, text });
      log.info({ key_file: keyFile }, 'admin api key created');
    } else if (text === '') {
      await replaceKey(tx, adminKey, keyFile);
      log.info({ key_file: keyFile }, 'admin api key replaced');
    } else if (text === undefined || hashToken(text) !== adminKey.key_hash) {
      const problem = text === undefined ? 'is missing' : 'holds another key';
      log.warn(
        { key_file: keyFile },
        `the admin api key file ${problem}; the key itself is still valid. For a new key, put an empty file there and restart`,
      );
    }
  });
}

// The file comes before the commit: a crash between them leaves a file whose key is taken up next.
async function createAccount(
  tx: Database,
  { keyFile, text }: { readonly keyFile: string; readonly text: string | undefined },
): Promise<void> {
  const key = text !== undefined && isApiKey(text) ? text : newApiKey();
  await writeFileAtomic(keyFile, `${key}\n`);
  const userId = randomUUID() as UserId;
  const email = 'admin@pgfleet.local';
  await insertUser(tx, { id: userId, name: 'admin', email, isOperator: true });
  await insertOrganization(tx, { id: newOrganizationId(), name: 'pgfleet', adminId: userId });
  await insertApiKey(tx, { userId, name: 'admin', keyHash: hashToken(key), isAdmin: true });
}

async function replaceKey(tx: Database, old: ApiKeyRow, keyFile: string): Promise<void> {
  const key = newApiKey();
  await revokeApiKey(tx, { userId: old.user_id }, old.id);
  await insertApiKey(tx, {
    userId: old.user_id,
    name: 'admin',
    keyHash: hashToken(key),
    isAdmin: true,
  });
  await writeFileAtomic(keyFile, `${key}\n`);
}
