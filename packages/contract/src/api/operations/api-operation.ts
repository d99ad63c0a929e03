import type { TSchema } from 'typebox';

/** One operation of the public API: where it is, what it takes and what it answers. */
export interface ApiOperation {
  /** The contract's name of it. */
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/api/v2`, with `{names}` of parameters. */
  readonly path: string;
  readonly summary: string;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** By status; null where there is no body. Errors are the same everywhere and left out. */
  readonly answers: Readonly<Record<number, TSchema | null>>;
}

/** Operations that belong together. */
export interface ApiOperationGroup {
  readonly name: string;
  readonly operations: readonly ApiOperation[];
}

export const projectPath = '/projects/{project_id}';
export const branchPath = `${projectPath}/branches/{branch_id}`;
