import { readFileSync } from 'node:fs';
import type { Platform } from '@pgfleet/testkit';
import { Client } from 'pg';

/** Runs a statement in control's own database: its rows say when something is due. */
export async function inControlDatabase(
  platform: Platform,
  sql: string,
  values: readonly unknown[],
): Promise<void> {
  const control = platform.processes().findLast(({ name }) => name === 'control');
  const environment = readFileSync(`/proc/${control?.pid}/environ`, 'utf8').split('\0');
  const url = environment.find((line) => line.startsWith('PGFLEET_DATABASE_URL='));
  const client = new Client({ connectionString: url?.slice('PGFLEET_DATABASE_URL='.length) });
  await client.connect();
  try {
    await client.query(sql, [...values]);
  } finally {
    await client.end();
  }
}
