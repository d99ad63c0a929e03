import type { Owner } from '@pgfleet/compute';

/** The `owner` option of volumes and computes for a uid; empty when this process is not root. */
export function ownerOf(uid: number | null): { readonly owner?: Owner } {
  return uid === null ? {} : { owner: { uid, gid: uid } };
}
