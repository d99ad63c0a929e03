import { TEMPLATE_DATABASE, TEMPLATE_ROLE } from '@pgfleet/compute';
import type { ClusterSpec, Rename } from '@pgfleet/compute';
import type { TimelineSpec } from '@pgfleet/contract';

/** Translates what control wants inside a new timeline; the template's own names are reused. */
export function initialClusterSpec(
  initial: TimelineSpec['initial'],
  adminSecret: string,
): ClusterSpec {
  const databases = initial.databases.map(({ name, ownerName }) => ({ name, owner: ownerName }));
  return {
    adminSecret,
    roles: initial.roles,
    databases,
    renameRoles: rename(
      TEMPLATE_ROLE,
      initial.roles.map(({ name }) => name),
    ),
    renameDatabases: rename(
      TEMPLATE_DATABASE,
      databases.map(({ name }) => name),
    ),
  };
}

function rename(from: string, wanted: readonly string[]): readonly Rename[] {
  const [to] = wanted;
  return to === undefined || wanted.includes(from) ? [] : [{ from, to }];
}
