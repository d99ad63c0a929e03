import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { BranchId, ProjectId } from '../ids.ts';
import type { BranchState } from '../states.ts';

/** Query of `GET /projects/{project_id}/branches`. */
export const BranchListQuery = Type.Object({
  search: Type.Optional(Type.String({ maxLength: 256 })),
  sort_by: Type.Enum(['updated_at', 'created_at', 'name'], { default: 'updated_at' }),
  sort_order: Type.Enum(['desc', 'asc'], { default: 'desc' }),
  cursor: Type.Optional(Type.String({ maxLength: 2048 })),
  limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 10_000 }),
});
export type BranchListQuery = Static<typeof BranchListQuery>;

/** Query of `GET /projects/{project_id}/branches/count`. */
export const BranchCountQuery = Type.Object({
  search: Type.Optional(Type.String({ maxLength: 256 })),
});
export type BranchCountQuery = Static<typeof BranchCountQuery>;

/** A branch as the API shows it. */
export interface Branch {
  readonly id: BranchId;
  readonly project_id: ProjectId;
  readonly parent_id?: BranchId;
  readonly parent_lsn?: string;
  readonly parent_timestamp?: string;
  readonly name: string;
  readonly current_state: BranchState;
  readonly pending_state?: BranchState;
  readonly state_changed_at: string;
  readonly creation_source: string;
  readonly primary: boolean;
  readonly default: boolean;
  readonly protected: boolean;
  readonly cpu_used_sec: number;
  readonly compute_time_seconds: number;
  readonly active_time_seconds: number;
  readonly written_data_bytes: number;
  readonly data_transfer_bytes: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly created_by?: { readonly name: string; readonly image: string };
}

/** Answer of `GET /projects/{project_id}/branches`. */
export interface BranchList {
  readonly branches: readonly Branch[];
  readonly annotations: Readonly<Record<string, never>>;
  readonly pagination?: {
    /** Opaque; present on the last page too. */
    readonly next: string;
    readonly sort_by: string;
    readonly sort_order: string;
  };
}
