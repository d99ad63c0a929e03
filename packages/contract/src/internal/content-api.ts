import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';
import { MaskingRule } from '../masking/masking-rule.ts';
import { DatabaseSpec } from './timeline-api.ts';

/*
 * What control and a host say to each other about the roles and databases inside a timeline.
 */

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const name = Type.String({ minLength: 1, maxLength: 63 });
const verifier = Type.String({ description: 'SCRAM-SHA-256 verifier, never a password' });

/** A role as it stands in a cluster; without a verifier it has no password. */
export const ContentRole = Type.Object({
  name: Type.String(),
  verifier: nullable(verifier),
  canLogin: Type.Boolean(),
});
export type ContentRole = Static<typeof ContentRole>;

/**
 * The tenant's databases, and those of its roles that have the rights of the API's roles or own one
 * of the databases.
 */
export const TimelineContent = Type.Object({
  roles: Type.Array(ContentRole),
  databases: Type.Array(DatabaseSpec),
});
export type TimelineContent = Static<typeof TimelineContent>;

/** A change of one role or one database. What is so already stays as it is. */
export const ContentChange = Type.Union([
  /** Without a verifier it cannot log in. One of that name gets the rights of the API's roles. */
  Type.Object({ kind: Type.Literal('create_role'), name, verifier: nullable(verifier) }),
  /** Ends the sessions of the role. */
  Type.Object({ kind: Type.Literal('set_password'), name, verifier }),
  /** Ends its sessions; what it owned goes to others. */
  Type.Object({ kind: Type.Literal('drop_role'), name }),
  Type.Object({ kind: Type.Literal('create_database'), name, ownerName: name }),
  /** One that is renamed ends its sessions. */
  Type.Object({
    kind: Type.Literal('change_database'),
    name,
    newName: Type.Optional(name),
    ownerName: Type.Optional(name),
  }),
  /** Ends its sessions. */
  Type.Object({ kind: Type.Literal('drop_database'), name }),
]);
export type ContentChange = Static<typeof ContentChange>;

/** Made in this order; none only asks what there is. */
export const ContentRequest = Type.Object({
  changes: Type.Array(ContentChange, { maxItems: 100 }),
});
export type ContentRequest = Static<typeof ContentRequest>;

/** Rules that are to be checked, and not followed. */
export const MaskingCheck = Type.Object({ rules: Type.Array(MaskingRule) });
export type MaskingCheck = Static<typeof MaskingCheck>;
