import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FileLock } from '@pgfleet/kit';
import { AdminConnection } from './admin-connection.ts';
import { detectSandbox } from './detect-sandbox.ts';
import { findInstallations } from './installation.ts';
import { ensureInstallationView, type InstallationView } from './installation-view.ts';
import type { Instance, InstancePlace } from './instance.ts';
import type { LimitGroup } from './limits.ts';
import { currentOwner, type Owner } from './owner.ts';
import type { Sandbox, SandboxLevel } from './sandbox.ts';
import { instanceSettings, type PostgresSettings, settingsFor } from './settings.ts';
import { startInstance } from './start-instance.ts';
import { createTemplate, type Template } from './template.ts';

const run = promisify(execFile);

/** A user that no machine has: instances must not depend on an entry in `/etc/passwd`. */
const STRANGER: Owner = { uid: 61_234, gid: 61_234 };

/** For tests: a template of one major version, clones of it, and everything removed afterwards. */
export class Fixture implements AsyncDisposable {
  readonly directory: string;
  readonly view: InstallationView;
  readonly sandbox: Sandbox;
  readonly template: Template;
  readonly owner: Owner | undefined;
  readonly #instances = new Set<Instance>();
  #clones = 0;

  private constructor(
    parts: Pick<Fixture, 'directory' | 'view' | 'sandbox' | 'template' | 'owner'>,
  ) {
    this.directory = parts.directory;
    this.view = parts.view;
    this.sandbox = parts.sandbox;
    this.template = parts.template;
    this.owner = parts.owner;
  }

  static async open(major: number): Promise<Fixture> {
    const directory = await mkdtemp(join(tmpdir(), 'pgfleet-'));
    await chmod(directory, 0o755);
    const owner = currentOwner().uid === 0 ? STRANGER : undefined;
    const installation = (await findInstallations()).find((found) => found.major === major);
    if (!installation) throw new Error(`this machine has no Postgres ${major}`);
    const view = await ensureInstallationView(installation, join(directory, 'views'));
    const sandbox = await detectSandbox({ view, directory });
    const template = await createTemplate({
      view,
      sandbox,
      directory: join(directory, 'template'),
      ...(owner ? { owner } : {}),
    });
    return new Fixture({ directory, view, sandbox, template, owner });
  }

  /** Copies the template and says where an instance of the copy keeps things. */
  async clone(directory = this.directory): Promise<InstancePlace & { readonly logFile: string }> {
    this.#clones += 1;
    const at = join(directory, String(this.#clones));
    const dataDirectory = `${at}-data`;
    await run('cp', ['-Rp', join(this.directory, 'template'), dataDirectory]);
    const socketDirectory = `${at}-run`;
    return { dataDirectory, socketDirectory, lockPath: `${at}-lock`, logFile: `${at}-log` };
  }

  async start(
    place: InstancePlace & { readonly logFile: string },
    options: {
      readonly level?: SandboxLevel;
      readonly settings?: PostgresSettings;
      /** In place of what would be changeable by default; on the command line is only the rest. */
      readonly changeable?: PostgresSettings;
      readonly limitGroup?: LimitGroup;
    } = {},
  ): Promise<Instance> {
    const lock = FileLock.tryAcquire(place.lockPath);
    if (!lock) throw new Error('the lock is busy');
    using _lock = lock;
    const { view, sandbox, owner } = this;
    const size = { major: view.major, minCu: 0.25, maxCu: 0.25 };
    const instance = await startInstance({
      view,
      sandbox: { level: options.level ?? sandbox.level },
      lock,
      ...place,
      ...(options.changeable
        ? {
            settings: instanceSettings({ ...size, tenant: options.changeable }).fixed,
            changeable: options.changeable,
          }
        : { settings: { ...settingsFor(size), ...options.settings } }),
      ...(owner ? { owner } : {}),
      ...(options.limitGroup ? { limitGroup: options.limitGroup } : {}),
    });
    this.#instances.add(instance);
    return instance;
  }

  connect(
    { socketDirectory }: Pick<InstancePlace, 'socketDirectory'>,
    options: { readonly secrets?: readonly string[]; readonly database?: string } = {},
  ): Promise<AdminConnection> {
    return AdminConnection.open({
      socketDirectory,
      secrets: [this.template.adminSecret],
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const instance of this.#instances) await instance.stop('immediate');
    await rm(this.directory, { recursive: true });
  }
}
