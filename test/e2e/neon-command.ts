import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Platform } from '@pgfleet/testkit';
import { watchedApi } from './watch-answers.ts';

const run = promisify(execFile);
const command = join(import.meta.dirname, '../../node_modules/neon/dist/cli.js');

/** For psql: the command leaves the port out of URIs, and Debian resolves no names below localhost. */
export function psqlAddress({ pgPort }: Platform) {
  return { PGHOSTADDR: '127.0.0.1', PGPORT: String(pgPort) };
}

/** Neon's own command, in a home directory of its own, that talks to one platform. */
export class NeonCommand implements Disposable {
  readonly #home = mkdtempSync(join(tmpdir(), 'pgfleet-neon-'));
  readonly #platform: Platform;
  readonly #apiKey: string;

  /** With the platform's first key, or another one. */
  constructor(platform: Platform, apiKey = platform.adminKey) {
    this.#platform = platform;
    this.#apiKey = apiKey;
  }

  /** Runs the command and returns what it printed; rejects when it fails. */
  async run(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(
      process.execPath,
      [command, '--no-analytics', '--config-dir', join(this.#home, 'config'), ...args],
      {
        cwd: this.#home,
        timeout: 60_000,
        env: {
          PATH: process.env['PATH'],
          HOME: this.#home,
          CI: '1',
          NEON_API_HOST: watchedApi(this.#platform),
          NEON_API_KEY: this.#apiKey,
          ...psqlAddress(this.#platform),
        },
      },
    );
    return stdout.trim();
  }

  /** Runs the command and reads the JSON that it prints. */
  async json<Printed>(...args: readonly string[]): Promise<Printed> {
    return JSON.parse(await this.run(...args, '--output', 'json')) as Printed;
  }

  /** What the command has written into the folder that it runs in. */
  readFile(name: string): string {
    return readFileSync(join(this.#home, name), 'utf8');
  }

  [Symbol.dispose](): void {
    rmSync(this.#home, { recursive: true });
  }
}
