import type { MadeTree, TreeOrder } from '../timelines/made-tree.ts';
import { makeTemplateTree } from '../timelines/template-tree.ts';
import type { TemplateTreeParts } from '../timelines/template-tree.ts';
import type { CopyParts } from './copy-parts.ts';
import { copyTimeline } from './copy-timeline.ts';
import { makeFollowerTree } from './make-follower-tree.ts';
import { makeMaskedTree } from './make-masked-tree.ts';
import { makeSchemaTree } from './make-schema-tree.ts';

/** Makes the tree of a timeline from whatever its specification names as its source. */
export function makeTree(
  parts: CopyParts & TemplateTreeParts,
  order: TreeOrder,
): Promise<MadeTree> {
  const { source } = order.spec;
  if (order.follows) return makeFollowerTree(parts, order.follows, order);
  if (source.kind === 'template') return makeTemplateTree(parts, order);
  if (source.kind === 'timeline') return copyTimeline(parts, source, order);
  if (source.kind === 'masked') return makeMaskedTree(parts, source, order);
  return makeSchemaTree(parts, source, order);
}
