/** The operating-system user that an instance runs as and that owns its files. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}
