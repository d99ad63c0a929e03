import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { ProjectId } from '../ids.ts';
import { Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

const id = Type.String({ pattern: idPattern });

/** Body of `POST /projects/{project_id}/permissions`. */
export const GrantPermissionRequest = Type.Object({
  email: Type.String({ format: 'email', minLength: 1, maxLength: 256 }),
});
export type GrantPermissionRequest = Static<typeof GrantPermissionRequest>;

/** That a project is shared with somebody. */
export const ProjectPermission = Type.Object(
  {
    id: Type.String(),
    granted_to_email: Type.String({ format: 'email' }),
    granted_at: Timestamp,
    revoked_at: Type.Optional(Timestamp),
  },
  { title: 'ProjectPermission' },
);
export type ProjectPermission = Shown<typeof ProjectPermission>;

/** Answer of `GET /projects/{project_id}/permissions`. */
export const ProjectPermissionList = Type.Object({
  project_permissions: Type.Array(ProjectPermission),
});

/** Body of `POST /projects/{project_id}/transfer_requests`. */
export const TransferRequestCreateRequest = Type.Object({
  ttl_seconds: Type.Integer({ minimum: 1, maximum: 31_536_000, default: 86_400 }),
});
export type TransferRequestCreateRequest = Static<typeof TransferRequestCreateRequest>;

/** An offer of a project to whoever has the offer's id. */
export const TransferRequest = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    project_id: Type.Unsafe<ProjectId>(id),
    created_at: Timestamp,
    expires_at: Timestamp,
  },
  { title: 'TransferRequest' },
);
export type TransferRequest = Shown<typeof TransferRequest>;

/** Body of `PUT /projects/{project_id}/transfer_requests/{request_id}`. */
export const TransferRequestAcceptRequest = Type.Object({ org_id: Type.Optional(id) });
export type TransferRequestAcceptRequest = Static<typeof TransferRequestAcceptRequest>;

/** Body of `POST /organizations/{source_org_id}/projects/transfer`. */
export const TransferProjectsRequest = Type.Object({
  destination_org_id: id,
  project_ids: Type.Array(id, { minItems: 1, maxItems: 400 }),
});
export type TransferProjectsRequest = Static<typeof TransferProjectsRequest>;
