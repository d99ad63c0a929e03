import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  detectSandbox,
  EmbeddedCluster,
  ensureInstallationView,
  findInstallations,
} from '@pgfleet/compute';
import type { PostgresInstallation } from '@pgfleet/compute';
import { withDeadline } from '@pgfleet/kit';
import type { PlatformPaths } from '../platform-paths.ts';
import { StartError } from '../start-error.ts';
import type { RunningService, Service } from '../supervise/service.ts';
import { logPath } from './log-path.ts';
import type { StartContext } from './start-context.ts';

const PREFERRED_MAJOR = 17;
// Under root, Postgres needs a user of its own: the one below those that hosts give to projects.
const OWNER = { uid: 1_899_999_999, gid: 1_899_999_999 } as const;

/** The Postgres that pgfleet runs for itself when it is not given one. */
export class ControlDatabase implements Service {
  readonly name = 'control-database';
  readonly logPath: string;
  readonly #context: StartContext;
  #url: string | undefined;

  constructor(context: StartContext) {
    this.#context = context;
    this.logPath = logPath(context.paths, 'up');
  }

  /** The libpq URI of the running database. */
  get url(): string {
    if (this.#url === undefined) throw new Error('the control database has not been started');
    return this.#url;
  }

  /** Adopts the database when an earlier `up` left it running. */
  async start(signal: AbortSignal): Promise<RunningService> {
    const cluster = await this.#open(signal);
    this.#url = connectionUri(cluster.connection);
    return {
      exited: cluster.exited.then(() => 'an end nobody asked for'),
      stop: (limitMs) =>
        withDeadline(() => cluster.stop(), {
          what: 'the control database to stop',
          timeoutMs: limitMs,
        }),
    };
  }

  async #open(signal: AbortSignal): Promise<EmbeddedCluster> {
    const { paths } = this.#context;
    const view = await ensureInstallationView(await chooseInstallation(paths), paths.viewsDir);
    const sandbox = await detectSandbox({ view, directory: paths.dataDir, signal });
    return await EmbeddedCluster.open({
      view,
      sandbox,
      directory: paths.controlDatabaseDir,
      socketDirectory: join(paths.runDir, 'control-database'),
      ...(process.getuid?.() === 0 ? { owner: OWNER } : {}),
      signal,
    });
  }
}

// A cluster stays with the major version that made it.
async function chooseInstallation(paths: PlatformPaths): Promise<PostgresInstallation> {
  const versionFile = join(paths.controlDatabaseDir, 'data', 'PG_VERSION');
  const existing = existsSync(versionFile) ? Number(readFileSync(versionFile, 'utf8')) : undefined;
  const installations = await findInstallations();
  const wanted = installations.find(({ major }) => major === (existing ?? PREFERRED_MAJOR));
  const chosen = wanted ?? (existing === undefined ? installations[0] : undefined);
  if (chosen) return chosen;
  throw new StartError(
    `the control database needs Postgres ${existing ?? PREFERRED_MAJOR}, which is not installed: ` +
      'run npm ci again without --omit=optional, or install it from your distribution',
  );
}

function connectionUri({ host, port, user, password, database }: EmbeddedCluster['connection']) {
  const text = encodeURIComponent;
  return `postgresql://${text(user)}:${text(password)}@/${text(database)}?host=${text(host)}&port=${port}`;
}
