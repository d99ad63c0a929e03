import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, ProjectId } from '../ids.ts';
import type { Operation } from './operations.ts';

/** Body of `POST /projects/{project_id}/jwks`. */
export const JwksCreateRequest = Type.Object({
  jwks_url: Type.String({ minLength: 1, maxLength: 2048 }),
  provider_name: Type.String({ minLength: 1, maxLength: 256 }),
  branch_id: Type.Optional(Type.String({ pattern: idPattern })),
  jwt_audience: Type.Optional(Type.String({ maxLength: 256 })),
  role_names: Type.Optional(Type.Array(Type.String({ maxLength: 63 }), { maxItems: 10 })),
});
export type JwksCreateRequest = Static<typeof JwksCreateRequest>;

/** Where the keys are published that sign tokens for a project, or for one branch of it. */
export interface Jwks {
  readonly id: string;
  readonly project_id: ProjectId;
  readonly branch_id?: BranchId;
  readonly jwks_url: string;
  readonly provider_name: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly jwt_audience?: string;
  readonly role_names?: readonly string[];
}

/** Answer of `POST /projects/{project_id}/jwks`. */
export interface CreatedJwks {
  readonly jwks: Jwks;
  readonly operations: readonly Operation[];
}

/** A library of `GET /projects/{project_id}/available_preload_libraries`. */
export interface PreloadLibrary {
  readonly library_name: string;
  readonly description: string;
  readonly is_default: boolean;
  readonly is_experimental: boolean;
  readonly version: string;
}
