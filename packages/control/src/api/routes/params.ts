import { idPattern } from '@pgfleet/contract';
import { Type } from 'typebox';
import type { Static } from 'typebox';

/* The parameters of paths. Names of roles and databases may be any text. */

const id = Type.String({ pattern: idPattern });
const name = Type.String();

export const ProjectParams = Type.Object({ project_id: id });
export type ProjectParams = Static<typeof ProjectParams>;

export const BranchParams = Type.Object({ project_id: id, branch_id: id });
export type BranchParams = Static<typeof BranchParams>;

export const RoleParams = Type.Object({ project_id: id, branch_id: id, role_name: name });
export type RoleParams = Static<typeof RoleParams>;

export const DatabaseParams = Type.Object({ project_id: id, branch_id: id, database_name: name });
export type DatabaseParams = Static<typeof DatabaseParams>;

export const EndpointParams = Type.Object({ project_id: id, endpoint_id: id });
export type EndpointParams = Static<typeof EndpointParams>;

export const SnapshotParams = Type.Object({ project_id: id, snapshot_id: id });
export type SnapshotParams = Static<typeof SnapshotParams>;

export const OperationParams = Type.Object({ project_id: id, operation_id: Type.String() });
export type OperationParams = Static<typeof OperationParams>;

export const ApiKeyParams = Type.Object({ key_id: Type.String() });
export type ApiKeyParams = Static<typeof ApiKeyParams>;

export const OrganizationParams = Type.Object({ org_id: id });
export type OrganizationParams = Static<typeof OrganizationParams>;

export const OrganizationApiKeyParams = Type.Object({ org_id: id, key_id: Type.String() });
export type OrganizationApiKeyParams = Static<typeof OrganizationApiKeyParams>;

export const MemberParams = Type.Object({
  org_id: id,
  member_id: Type.String({ format: 'uuid' }),
});
export type MemberParams = Static<typeof MemberParams>;

export const SourceOrganizationParams = Type.Object({ source_org_id: id });
export type SourceOrganizationParams = Static<typeof SourceOrganizationParams>;

export const PermissionParams = Type.Object({ project_id: id, permission_id: Type.String() });
export type PermissionParams = Static<typeof PermissionParams>;

export const TransferRequestParams = Type.Object({ project_id: id, request_id: id });
export type TransferRequestParams = Static<typeof TransferRequestParams>;

export const JwksParams = Type.Object({ project_id: id, jwks_id: Type.String() });
export type JwksParams = Static<typeof JwksParams>;
