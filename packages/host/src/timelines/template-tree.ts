import type { Volume } from '@pgfleet/volume';
import type { MadeTree, TreeOrder } from './made-tree.ts';
import { ownerOf } from './owner.ts';
import type { SpareClones } from './spare-clones.ts';
import type { ReadyTemplate, Templates } from './templates.ts';
import type { UidCounter } from './uid-counter.ts';

export interface TemplateTreeParts {
  readonly volume: Volume;
  readonly templates: Templates;
  readonly spares: SpareClones;
  readonly uids: UidCounter;
}

/**
 * Makes the tree of a timeline that begins empty: a spare clone gets another name, or the template
 * is cloned. A new project takes the user of a spare clone; one that has a user gets a clone for it.
 */
export async function makeTemplateTree(
  { volume, templates, spares, uids }: TemplateTreeParts,
  { spec, projectUid, signal }: TreeOrder,
): Promise<MadeTree> {
  const { timelineId, pgMajor } = spec;
  const spare = projectUid === undefined ? spares.take(pgMajor) : undefined;
  if (spare) {
    await volume.rename(spare.tree, timelineId);
    return made(spare.uid, spare.template);
  }
  const uid = process.geteuid?.() === 0 ? (projectUid ?? uids.next()) : null;
  const template = await templates.ensure(pgMajor);
  await volume.clone(template.tree, timelineId, { ...ownerOf(uid), ...(signal && { signal }) });
  return made(uid, template);
}

function made(uid: number | null, { tree, lsn, adminSecret }: ReadyTemplate): MadeTree {
  const beginning = { tree, lsn, at: new Date().toISOString() };
  return { uid, inheritedSecrets: [adminSecret], specApplied: false, origin: null, beginning };
}
