import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { BranchId, ProjectId } from '../ids.ts';
import { CursorPagination, Timestamp } from './shown.ts';

const id = Type.String({ pattern: idPattern });
// One id or a list with commas: clients write lists either way.
const ids = Type.Array(Type.String({ pattern: '^([a-z0-9-]{1,60}(,[a-z0-9-]{1,60}){0,99})?$' }), {
  maxItems: 100,
});
const metrics = Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 100 });

/** How long the frames are that consumption is summed up in. */
export const consumptionGranularities = ['hourly', 'daily', 'monthly'] as const;
export type ConsumptionGranularity = (typeof consumptionGranularities)[number];

const range = {
  from: Type.String({ format: 'date-time' }),
  to: Type.String({ format: 'date-time' }),
  granularity: Type.Enum([...consumptionGranularities]),
};

/** Query of `GET /consumption_history/projects`. */
export const ConsumptionQuery = Type.Object({
  ...range,
  cursor: Type.Optional(Type.String({ maxLength: 256 })),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 10 }),
  project_ids: Type.Optional(ids),
  org_id: Type.Optional(id),
  include_v1_metrics: Type.Optional(Type.Boolean()),
  metrics: Type.Optional(metrics),
});
export type ConsumptionQuery = Static<typeof ConsumptionQuery>;

/** Query of `GET /consumption_history/v2/projects`. */
export const ProjectConsumptionQuery = Type.Object({
  ...range,
  cursor: Type.Optional(Type.String({ maxLength: 256 })),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 10 }),
  project_ids: Type.Optional(ids),
  org_id: id,
  metrics,
});
export type ProjectConsumptionQuery = Static<typeof ProjectConsumptionQuery>;

/** Query of `GET /consumption_history/v2/branches`. */
export const BranchConsumptionQuery = Type.Object({
  ...range,
  cursor: Type.Optional(Type.String({ maxLength: 256 })),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
  project_ids: Type.Array(ids.items, { minItems: 1, maxItems: 100 }),
  branch_ids: Type.Optional(ids),
  org_id: id,
  metrics,
});
export type BranchConsumptionQuery = Static<typeof BranchConsumptionQuery>;

/** What was used within a frame of time. */
export interface ConsumptionFrame {
  readonly timeframe_start: string;
  readonly timeframe_end: string;
  readonly metrics?: readonly { readonly metric_name: string; readonly value: number }[];
  readonly [metric: string]: unknown;
}

/** A calendar month of consumption; `period_end` is left out while it lasts. */
export interface ConsumptionPeriod {
  readonly period_id: string;
  readonly period_plan: string;
  readonly period_start: string;
  readonly period_end?: string;
  readonly consumption: readonly ConsumptionFrame[];
}

/** Answer of `GET /consumption_history/projects` and of `GET /consumption_history/v2/projects`. */
export interface ProjectConsumptionList {
  readonly projects: readonly {
    readonly project_id: ProjectId;
    readonly periods: readonly ConsumptionPeriod[];
  }[];
  readonly pagination?: { readonly cursor: string };
}

/** Answer of `GET /consumption_history/v2/branches`. */
export interface BranchConsumptionList {
  readonly branches: readonly {
    readonly project_id: ProjectId;
    readonly branch_id: BranchId;
    readonly periods: readonly ConsumptionPeriod[];
  }[];
  readonly pagination?: { readonly cursor: string };
}

const frame = { timeframe_start: Timestamp, timeframe_end: Timestamp };
const amount = Type.Integer({ minimum: 0 });

const LegacyFrame = Type.Object({
  ...frame,
  active_time_seconds: amount,
  compute_time_seconds: amount,
  written_data_bytes: amount,
  synthetic_storage_size_bytes: amount,
  data_storage_bytes_hour: Type.Optional(amount),
  logical_size_bytes: Type.Optional(amount),
  logical_size_bytes_hour: Type.Optional(amount),
});

const MetricFrame = Type.Object({
  ...frame,
  metrics: Type.Array(Type.Object({ metric_name: Type.String(), value: amount })),
});

const period = {
  period_id: Type.String({ format: 'uuid' }),
  period_plan: Type.String(),
  period_start: Timestamp,
  period_end: Type.Optional(Timestamp),
};

const MetricPeriod = Type.Object(
  { ...period, consumption: Type.Array(MetricFrame) },
  { title: 'ConsumptionPeriod' },
);
const LegacyPeriod = Type.Object(
  { ...period, consumption: Type.Array(LegacyFrame) },
  { title: 'LegacyConsumptionPeriod' },
);

/** Answer of `GET /consumption_history/projects`. */
export const LegacyConsumption = Type.Object({
  projects: Type.Array(Type.Object({ project_id: id, periods: Type.Array(LegacyPeriod) })),
  pagination: Type.Optional(CursorPagination),
});

/** Answer of `GET /consumption_history/v2/projects`. */
export const ProjectConsumption = Type.Object({
  projects: Type.Array(Type.Object({ project_id: id, periods: Type.Array(MetricPeriod) })),
  pagination: Type.Optional(CursorPagination),
});

/** Answer of `GET /consumption_history/v2/branches`. */
export const BranchConsumption = Type.Object({
  branches: Type.Array(
    Type.Object({ project_id: id, branch_id: id, periods: Type.Array(MetricPeriod) }),
  ),
  pagination: Type.Optional(CursorPagination),
});
