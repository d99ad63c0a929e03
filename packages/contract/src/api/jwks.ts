import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, ProjectId } from '../ids.ts';
import { Operation } from './operations.ts';
import { Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

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
export const Jwks = Type.Object(
  {
    id: Type.String(),
    project_id: Type.Unsafe<ProjectId>(Type.String({ pattern: idPattern })),
    branch_id: Type.Optional(Type.Unsafe<BranchId>(Type.String({ pattern: idPattern }))),
    jwks_url: Type.String(),
    provider_name: Type.String(),
    created_at: Timestamp,
    updated_at: Timestamp,
    jwt_audience: Type.Optional(Type.String()),
    role_names: Type.Optional(Type.Array(Type.String())),
  },
  { title: 'Jwks' },
);
export type Jwks = Shown<typeof Jwks>;

/** Answer of `GET /projects/{project_id}/jwks`. */
export const JwksList = Type.Object({ jwks: Type.Array(Jwks) });

/** Answer of `POST /projects/{project_id}/jwks`. */
export const CreatedJwks = Type.Object({ jwks: Jwks, operations: Type.Array(Operation) });
export type CreatedJwks = Shown<typeof CreatedJwks>;

/** A library of `GET /projects/{project_id}/available_preload_libraries`. */
export const PreloadLibrary = Type.Object(
  {
    library_name: Type.String(),
    description: Type.String(),
    is_default: Type.Boolean(),
    is_experimental: Type.Boolean(),
    version: Type.String(),
  },
  { title: 'PreloadLibrary' },
);
export type PreloadLibrary = Shown<typeof PreloadLibrary>;

/** Answer of `GET /projects/{project_id}/available_preload_libraries`. */
export const PreloadLibraryList = Type.Object({ libraries: Type.Array(PreloadLibrary) });
