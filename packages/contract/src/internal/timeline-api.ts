import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';
import { AdvisorsQuery } from '../api/advisors.ts';
import { BranchSchema } from '../api/schema.ts';
import type { Shown } from '../api/shown.ts';
import type { BranchId, EndpointId, ProjectId, TimelineId } from '../ids.ts';
import { idPattern } from '../ids.ts';
import { MaskingRule } from '../masking/masking-rule.ts';

/*
 * What control and a host say to each other about timelines and their history.
 */

const id = <Id extends string>() => Type.Unsafe<Id>(Type.String({ pattern: idPattern }));
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const count = Type.Integer({ minimum: 0 });

/** As Postgres writes a `pg_lsn`: `0/1A2B3C4D`. */
export const lsnPattern = '^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$';
const lsn = Type.String({ pattern: lsnPattern });
const timestamp = Type.String({ format: 'date-time', description: 'RFC 3339, UTC, microseconds' });

/** A role to set up in a new timeline; `verifier` is a SCRAM-SHA-256 verifier, never a password. */
export const RoleSpec = Type.Object({ name: Type.String(), verifier: Type.String() });
export type RoleSpec = Static<typeof RoleSpec>;

/** A database to set up in a new timeline. */
export const DatabaseSpec = Type.Object({ name: Type.String(), ownerName: Type.String() });
export type DatabaseSpec = Static<typeof DatabaseSpec>;

/**
 * A state of a timeline: `head` (everything committed when the host takes up the call), `lsn` (every
 * record that begins before it), `time` (every record before the first commit record later than it).
 */
export const PointInTime = Type.Union([
  Type.Object({ kind: Type.Literal('head') }),
  Type.Object({ kind: Type.Literal('lsn'), lsn }),
  Type.Object({ kind: Type.Literal('time'), at: timestamp }),
]);
export type PointInTime = Static<typeof PointInTime>;

/**
 * Where the content of a timeline comes from: the empty cluster of its major version; another
 * timeline on the same host, with its data, with the definitions of its objects only, or with data
 * of which columns are masked. One that is masked has no past: its history begins with it.
 */
export const TimelineSource = Type.Union([
  Type.Object({ kind: Type.Literal('template') }),
  Type.Object({ kind: Type.Literal('timeline'), timelineId: id<TimelineId>(), at: PointInTime }),
  Type.Object({ kind: Type.Literal('schema'), timelineId: id<TimelineId>(), at: PointInTime }),
  Type.Object({
    kind: Type.Literal('masked'),
    timelineId: id<TimelineId>(),
    at: PointInTime,
    rules: Type.Array(MaskingRule),
  }),
]);
export type TimelineSource = Static<typeof TimelineSource>;

/**
 * What a timeline is made of. `initial` is applied once, before the first client: to a copy of
 * another timeline it gives new passwords to the roles it names and leaves the others alone. With
 * `passwordsOf` its roles have those that they have there now, which only the host knows for sure:
 * clients of the one are to be clients of the other. That goes for a timeline which exists as well.
 */
export const TimelineSpec = Type.Object({
  timelineId: id<TimelineId>(),
  projectId: id<ProjectId>(),
  branchId: id<BranchId>(),
  pgMajor: Type.Integer({ minimum: 14, maximum: 18 }),
  source: TimelineSource,
  passwordsOf: Type.Optional(id<TimelineId>()),
  initial: Type.Object({
    roles: Type.Array(RoleSpec, { maxItems: 500 }),
    databases: Type.Array(DatabaseSpec, { maxItems: 500 }),
  }),
  /** How far back it can be restored; may be changed by putting the spec again. */
  historyRetentionSeconds: Type.Integer({ minimum: 0, maximum: 2_592_000 }),
  /**
   * An endpoint is started on it as soon as it is there, so the recovery that a copy needs may be left
   * to that start; its origin is known only then. To put it again without this has it recovered if it
   * was not yet.
   */
  opensAtOnce: Type.Optional(Type.Boolean()),
});
export type TimelineSpec = Static<typeof TimelineSpec>;

/** A timeline that is ready, and where its source was cut; null for one made of a template. */
export const TimelineReady = Type.Object({
  state: Type.Literal('ready'),
  origin: nullable(Type.Object({ lsn, at: timestamp })),
});
export type TimelineReady = Static<typeof TimelineReady>;

export const ResolveRequest = Type.Object({ at: PointInTime });
export type ResolveRequest = Static<typeof ResolveRequest>;

/**
 * A point that can be gone back to. `head` is resolved to an LSN, so that what is made of it later
 * holds what was committed by now; the LSN of a `time` is known only after it was replayed.
 */
export const ResolvedPoint = Type.Object({ at: PointInTime, lsn: nullable(lsn) });
export type ResolvedPoint = Static<typeof ResolvedPoint>;

/** A stretch of history that cannot be restored any more, and why. */
export const LostWindow = Type.Object({
  fromLsn: lsn,
  /** Where the next restorable stretch begins; null while there is none. */
  toLsn: nullable(lsn),
  fromAt: timestamp,
  toAt: nullable(timestamp),
  reason: Type.String(),
  foundAt: timestamp,
});
export type LostWindow = Static<typeof LostWindow>;

/** How much of a timeline there is, for sizes, billing and the restore window. */
export const TimelineStatus = Type.Object({
  timelineId: id<TimelineId>(),
  /** From here on it can be restored; null before it was ever opened. */
  oldest: nullable(Type.Object({ lsn, at: timestamp })),
  headLsn: lsn,
  /** Sum of the sizes of its databases, in bytes; null until it was first measured. */
  logicalBytes: nullable(count),
  /** What its live data and its points of history occupy; shared blocks count once. */
  dataBytes: count,
  /** Its kept WAL, in bytes. */
  walBytes: count,
  /** Points of history. */
  points: count,
  lost: Type.Array(LostWindow, { maxItems: 100 }),
});
export type TimelineStatus = Static<typeof TimelineStatus>;

export const SchemaRequest = Type.Object({
  database: Type.String({ minLength: 1, maxLength: 63 * 4 }),
  at: PointInTime,
  /** SQL when left out. */
  format: Type.Optional(Type.Enum(['sql', 'json'])),
});
export type SchemaRequest = Static<typeof SchemaRequest>;

/**
 * In the format that was asked for: the definitions of a database's objects as
 * `pg_dump --schema-only` writes them, or its tables as the catalogue has them.
 */
export const SchemaResponse = Type.Object({
  sql: Type.Optional(Type.String()),
  json: Type.Optional(BranchSchema),
});
export type SchemaResponse = Static<typeof SchemaResponse>;

/** Mistakes of a category, or of both, that are at least of a level. */
export const IssuesRequest = Type.Object({
  database: SchemaRequest.properties.database,
  category: AdvisorsQuery.properties.category,
  minLevel: AdvisorsQuery.properties.min_severity,
});
export type IssuesRequest = Shown<typeof IssuesRequest>;

/** A client that has logged in at an endpoint asks for its branch as it was. */
export const TimeTravelRequest = Type.Object({
  endpointId: id<EndpointId>(),
  at: PointInTime,
  /**
   * Who logged in, and the verifier as of now that was proven. The role gets it at that point too,
   * so that the password of today is the one that counts, and none of the past.
   */
  role: RoleSpec,
});
export type TimeTravelRequest = Static<typeof TimeTravelRequest>;

/** A read-only endpoint that exists until it has been idle for a while, and where it listens. */
export const TimeTravelResponse = Type.Object({
  /** What traffic is reported for. */
  endpointId: id<EndpointId>(),
  socketPath: Type.String(),
});
export type TimeTravelResponse = Static<typeof TimeTravelResponse>;

/** Asks for a drill: a restore into a compute that is thrown away, with checks of its content. */
export const VerifyRequest = Type.Object({
  /** A random point of the window when left out. */
  at: Type.Optional(PointInTime),
});
export type VerifyRequest = Static<typeof VerifyRequest>;

export const VerifyReport = Type.Object({
  timelineId: id<TimelineId>(),
  at: PointInTime,
  lsn,
  /** From the beginning of the restore to the first row. */
  restoreMs: Type.Number({ minimum: 0 }),
  /** How far the newest restorable commit lay behind the head when the drill began. */
  recoveryPointSeconds: Type.Number({ minimum: 0 }),
  /** Whether every page and index was read by `amcheck`; false where the extension is missing. */
  amcheck: Type.Boolean(),
  /**
   * Whether the rows of all tables were counted in a copy that was made in another way as well;
   * false where no other way led there, as to what was before the second point of history.
   */
  compared: Type.Boolean(),
  databases: count,
  relations: count,
  rows: count,
  /** What is wrong; nothing when the copy is whole. */
  problems: Type.Array(Type.String(), { maxItems: 100 }),
});
export type VerifyReport = Static<typeof VerifyReport>;
