import { Type } from 'typebox';
import type { Static } from 'typebox';

/*
 * Settings of projects and endpoints, as requests carry them and responses show them. Ranges that
 * depend on the installation (suspend timeout, compute units) are checked by control.
 */

const textMap = Type.Record(Type.String(), Type.String());
const amount = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** Compute units: 1 CU is 1 vCPU and 4 GiB. */
export const ComputeUnits = Type.Number({ minimum: 0.25 });

/** Seconds without activity before suspend; 0 = the default of 300 s, -1 = never. */
export const SuspendTimeoutSeconds = Type.Integer({ minimum: -1, maximum: 604_800 });

/** What a project may use per consumption period; 0 and absent mean no limit. */
export const ProjectQuota = Type.Object({
  active_time_seconds: Type.Optional(amount),
  compute_time_seconds: Type.Optional(amount),
  written_data_bytes: Type.Optional(amount),
  data_transfer_bytes: Type.Optional(amount),
  logical_size_bytes: Type.Optional(amount),
});
export type ProjectQuota = Static<typeof ProjectQuota>;

/** Addresses, CIDR blocks or `a-b` ranges that may connect; an empty list admits everybody. */
export const AllowedIps = Type.Object({
  ips: Type.Optional(Type.Array(Type.String({ maxLength: 128 }), { maxItems: 1000 })),
  protected_branches_only: Type.Optional(Type.Boolean()),
});
export type AllowedIps = Static<typeof AllowedIps>;

const PreloadLibraries = Type.Object({
  use_defaults: Type.Optional(Type.Boolean()),
  enabled_libraries: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
});

const clockTime = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' });

/** Settings of a project. */
export const ProjectSettings = Type.Object({
  quota: Type.Optional(ProjectQuota),
  allowed_ips: Type.Optional(AllowedIps),
  enable_logical_replication: Type.Optional(Type.Boolean()),
  maintenance_window: Type.Optional(
    Type.Object({
      weekdays: Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { maxItems: 7 }),
      start_time: clockTime,
      end_time: clockTime,
    }),
  ),
  block_public_connections: Type.Optional(Type.Boolean()),
  block_vpc_connections: Type.Optional(Type.Boolean()),
  audit_log_level: Type.Optional(Type.Enum(['base', 'extended', 'full'])),
  hipaa: Type.Optional(Type.Boolean()),
  preload_libraries: Type.Optional(PreloadLibraries),
});
export type ProjectSettings = Static<typeof ProjectSettings>;

/** What endpoints of a project start out with. */
export const DefaultEndpointSettings = Type.Object({
  pg_settings: Type.Optional(textMap),
  pgbouncer_settings: Type.Optional(textMap),
  autoscaling_limit_min_cu: Type.Optional(ComputeUnits),
  autoscaling_limit_max_cu: Type.Optional(ComputeUnits),
  suspend_timeout_seconds: Type.Optional(SuspendTimeoutSeconds),
});
export type DefaultEndpointSettings = Static<typeof DefaultEndpointSettings>;

/** Settings of the Postgres behind one endpoint. */
export const EndpointSettings = Type.Object({
  pg_settings: Type.Optional(textMap),
  pgbouncer_settings: Type.Optional(textMap),
  preload_libraries: Type.Optional(PreloadLibraries),
});
export type EndpointSettings = Static<typeof EndpointSettings>;
