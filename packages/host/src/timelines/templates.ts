import { createTemplate, readControlFile } from '@pgfleet/compute';
import type { Sandbox } from '@pgfleet/compute';
import { randomText } from '@pgfleet/kit';
import type { Logger, SecretBox } from '@pgfleet/kit';
import type { Volume } from '@pgfleet/volume';
import { formatLsn } from '../history/wal-segment.ts';
import { RecordStore } from '../storage/record-store.ts';
import { ownerOf } from './owner.ts';
import type { PostgresBuilds } from './postgres-builds.ts';
import type { UidCounter } from './uid-counter.ts';

// Raised when templates are made in another way; older ones are then made again. Format 1 and all
// later ones have data checksums.
const FORMAT = 1;
const TREE_PREFIX = 'template-';

interface TemplateRecord {
  readonly format: number;
  readonly major: number;
  /** The installation that made it: the catalogue of a beta, say, differs from the release's. */
  readonly version: string;
  readonly tree: string;
  readonly sealedSecret: string;
  /** Those that were replaced: timelines that began as one of them may be restored to then. */
  readonly retired?: readonly string[];
}

export interface TemplatesOptions {
  readonly directory: string;
  readonly volume: Volume;
  readonly builds: PostgresBuilds;
  readonly sandbox: Sandbox;
  readonly secrets: SecretBox;
  readonly uids: UidCounter;
  readonly log: Logger;
}

/** A cluster at rest that new timelines are clones of. */
export interface ReadyTemplate {
  readonly tree: string;
  /** Of its checkpoint; as `pg_lsn` writes it. */
  readonly lsn: string;
  /** `cloud_admin`'s secret in an untouched clone. */
  readonly adminSecret: string;
}

/** One prepared cluster per Postgres major version, made when it is first needed. */
export class Templates {
  readonly #options: TemplatesOptions;
  readonly #records: RecordStore<TemplateRecord>;
  readonly #ready = new Map<number, Promise<ReadyTemplate>>();

  private constructor(options: TemplatesOptions) {
    this.#options = options;
    const { directory, log } = options;
    this.#records = new RecordStore({ directory, log, accepts: isTemplateRecord });
  }

  /** Opens the store and deletes template trees that no record names. */
  static async open(options: TemplatesOptions): Promise<Templates> {
    const templates = new Templates(options);
    const named = new Set(
      [...templates.#records.values()].flatMap(({ tree, retired = [] }) => [tree, ...retired]),
    );
    const trees = await options.volume.list();
    const stray = trees.filter((tree) => tree.startsWith(TREE_PREFIX) && !named.has(tree));
    await Promise.all(stray.map((tree) => options.volume.remove(tree)));
    return templates;
  }

  /** Returns the template, making it first when there is none of the present format and build. */
  async ensure(major: number): Promise<ReadyTemplate> {
    const made = this.#ready.get(major) ?? this.#ensure(major);
    this.#ready.set(major, made);
    try {
      return await made;
    } catch (error) {
      this.#ready.delete(major);
      throw error;
    }
  }

  async #ensure(major: number): Promise<ReadyTemplate> {
    const { volume, builds } = this.#options;
    const view = await builds.view(major);
    const known = this.#records.get(String(major));
    if (known?.format === FORMAT && known.version === view.version) {
      if (await volume.exists(known.tree)) {
        return this.#describe(known);
      }
    }
    return this.#describe(await this.#make(major, known));
  }

  #describe(record: TemplateRecord): ReadyTemplate {
    const { tree } = record;
    const { checkpointLsn } = readControlFile(this.#options.volume.path(tree));
    return { tree, lsn: formatLsn(checkpointLsn), adminSecret: this.#open(record) };
  }

  async #make(major: number, replaced: TemplateRecord | undefined): Promise<TemplateRecord> {
    const { volume, builds, sandbox, secrets, uids, log } = this.#options;
    const start = performance.now();
    const view = await builds.view(major);
    const tree = `${TREE_PREFIX}${major}-${randomText(6, 'abcdefghijkmnpqrstuvwxyz')}`;
    const owner = ownerOf(process.geteuid?.() === 0 ? uids.next() : null);
    const directory = await volume.create(tree, owner);
    const template = await createTemplate({ view, sandbox, directory, ...owner });
    const sealedSecret = secrets.seal(template.adminSecret, secretContext(major));
    const retired = replaced ? [...(replaced.retired ?? []), replaced.tree] : [];
    const record = { format: FORMAT, major, version: view.version, tree, sealedSecret, retired };
    await this.#records.put(String(major), record);
    log.info({ major, version: view.version, ms: performance.now() - start }, 'template made');
    return record;
  }

  #open({ sealedSecret, major }: TemplateRecord): string {
    return this.#options.secrets.open(sealedSecret, secretContext(major));
  }
}

const secretContext = (major: number) => `template ${major}`;

function isTemplateRecord(value: unknown): value is TemplateRecord {
  return typeof value === 'object' && value !== null && 'tree' in value && 'format' in value;
}
