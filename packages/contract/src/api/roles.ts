import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { BranchId } from '../ids.ts';
import { idPattern } from '../ids.ts';
import { Operation } from './operations.ts';
import { Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

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

const branchId = Type.Unsafe<BranchId>(Type.String({ pattern: idPattern }));

/** A role as the API shows it; `password` only where it was just made. */
export const Role = Type.Object(
  {
    branch_id: branchId,
    name: Type.String(),
    password: Type.Optional(Type.String()),
    authentication_method: Type.Optional(
      Type.String({ description: '`no_login` where the role cannot log in' }),
    ),
    protected: Type.Boolean(),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { title: 'Role' },
);
export type Role = Shown<typeof Role>;

const postgresName = Type.String({ minLength: 1, maxLength: 63, description: 'up to 63 bytes' });

/** Body of `POST …/roles`. */
export const RoleCreateRequest = Type.Object({
  role: Type.Object({
    name: postgresName,
    /** Whether it has no password and cannot log in. */
    no_login: Type.Optional(Type.Boolean()),
  }),
});
export type RoleCreateRequest = Static<typeof RoleCreateRequest>;

/** Answer of the calls that make, change and delete a role. */
export const RoleOperations = Type.Object({ role: Role, operations: Type.Array(Operation) });

/** Body of `POST …/databases`. */
export const DatabaseCreateRequest = Type.Object({
  database: Type.Object({ name: postgresName, owner_name: postgresName }),
});
export type DatabaseCreateRequest = Static<typeof DatabaseCreateRequest>;

/** Body of `PATCH …/databases/{database_name}`; what is left out stays. */
export const DatabaseUpdateRequest = Type.Object({
  database: Type.Object({
    name: Type.Optional(postgresName),
    owner_name: Type.Optional(postgresName),
  }),
});
export type DatabaseUpdateRequest = Static<typeof DatabaseUpdateRequest>;

/** Answers of the calls that show roles. */
export const OneRole = Type.Object({ role: Role });
export const RoleList = Type.Object({ roles: Type.Array(Role) });

/** Answer of `GET …/roles/{role_name}/reveal_password`. */
export const RolePassword = Type.Object({ password: Type.String() });

/** A database as the API shows it. */
export const Database = Type.Object(
  {
    id: Type.Integer(),
    branch_id: branchId,
    name: Type.String(),
    owner_name: Type.String(),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { title: 'Database' },
);
export type Database = Shown<typeof Database>;

/** Answer of the calls that make, change and delete a database. */
export const DatabaseOperations = Type.Object({
  database: Database,
  operations: Type.Array(Operation),
});

/** Answers of the calls that show databases. */
export const OneDatabase = Type.Object({ database: Database });
export const DatabaseList = Type.Object({ databases: Type.Array(Database) });

/** How to connect to one database as one role. */
export const ConnectionDetails = Type.Object(
  {
    connection_uri: Type.String({
      format: 'uri',
      description: 'works as printed on the machine that printed it',
    }),
    connection_parameters: Type.Object({
      database: Type.String(),
      password: Type.String(),
      role: Type.String(),
      host: Type.String(),
      pooler_host: Type.String(),
    }),
  },
  { title: 'ConnectionDetails' },
);
export type ConnectionDetails = Shown<typeof ConnectionDetails>;

/** Answer of `GET /projects/{project_id}/connection_uri`. */
export const ConnectionUri = Type.Object({ uri: Type.String() });
