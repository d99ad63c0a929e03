import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { ProjectId } from '../ids.ts';

const id = Type.String({ pattern: idPattern });

/** Body of `POST /projects/{project_id}/permissions`. */
export const GrantPermissionRequest = Type.Object({
  email: Type.String({ format: 'email', minLength: 1, maxLength: 256 }),
});
export type GrantPermissionRequest = Static<typeof GrantPermissionRequest>;

/** That a project is shared with somebody. */
export interface ProjectPermission {
  readonly id: string;
  readonly granted_to_email: string;
  readonly granted_at: string;
  readonly revoked_at?: string;
}

/** Body of `POST /projects/{project_id}/transfer_requests`. */
export const TransferRequestCreateRequest = Type.Object({
  ttl_seconds: Type.Integer({ minimum: 1, maximum: 31_536_000, default: 86_400 }),
});
export type TransferRequestCreateRequest = Static<typeof TransferRequestCreateRequest>;

/** An offer of a project to whoever has the offer's id. */
export interface TransferRequest {
  readonly id: string;
  readonly project_id: ProjectId;
  readonly created_at: string;
  readonly expires_at: string;
}

/** Body of `PUT /projects/{project_id}/transfer_requests/{request_id}`. */
export const TransferRequestAcceptRequest = Type.Object({ org_id: Type.Optional(id) });
export type TransferRequestAcceptRequest = Static<typeof TransferRequestAcceptRequest>;

/** Body of `POST /organizations/{source_org_id}/projects/transfer`. */
export const TransferProjectsRequest = Type.Object({
  destination_org_id: id,
  project_ids: Type.Array(id, { minItems: 1, maxItems: 400 }),
});
export type TransferProjectsRequest = Static<typeof TransferProjectsRequest>;
