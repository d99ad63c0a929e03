import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { BranchId } from '../ids.ts';
import { idPattern } from '../ids.ts';

/** Query of `GET /projects/{project_id}/connection_uri`; Booleans in any spelling of Go's. */
export const ConnectionUriQuery = Type.Object({
  branch_id: Type.Optional(Type.String({ pattern: idPattern })),
  endpoint_id: Type.Optional(Type.String({ pattern: idPattern })),
  database_name: Type.String(),
  role_name: Type.String(),
  pooled: Type.Optional(
    Type.String({ pattern: '^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$' }),
  ),
});
export type ConnectionUriQuery = Static<typeof ConnectionUriQuery>;

/** A role as the API shows it; `password` only where it was just made. */
export interface Role {
  readonly branch_id: BranchId;
  readonly name: string;
  readonly password?: string;
  readonly protected: boolean;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A database as the API shows it. */
export interface Database {
  readonly id: number;
  readonly branch_id: BranchId;
  readonly name: string;
  readonly owner_name: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** How to connect to one database as one role. */
export interface ConnectionDetails {
  /** Works as printed on the machine that printed it. */
  readonly connection_uri: string;
  readonly connection_parameters: {
    readonly database: string;
    readonly password: string;
    readonly role: string;
    readonly host: string;
    readonly pooler_host: string;
  };
}
