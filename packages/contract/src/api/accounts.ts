import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { UserId } from '../ids.ts';
import { Timestamp } from './shown.ts';
import type { Shown } from './shown.ts';

/** Body of `POST /api_keys`. */
export const ApiKeyCreateRequest = Type.Object({
  key_name: Type.String({ minLength: 1, maxLength: 64 }),
});
export type ApiKeyCreateRequest = Static<typeof ApiKeyCreateRequest>;

const userId = Type.Unsafe<UserId>(Type.String({ format: 'uuid' }));

/** Answer of `POST /api_keys`: the only one that ever shows the key. */
export const CreatedApiKey = Type.Object(
  {
    id: Type.Integer(),
    key: Type.String(),
    name: Type.String(),
    created_at: Timestamp,
    created_by: userId,
  },
  { title: 'CreatedApiKey' },
);
export type CreatedApiKey = Shown<typeof CreatedApiKey>;

/** An API key in the list of keys. */
export const ApiKeyListItem = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    created_at: Timestamp,
    created_by: Type.Object({ id: userId, name: Type.String(), image: Type.String() }),
    last_used_at: Type.Union([Timestamp, Type.Null()]),
    last_used_from_addr: Type.String(),
  },
  { title: 'ApiKeyListItem' },
);
export type ApiKeyListItem = Shown<typeof ApiKeyListItem>;

/** Answer of `DELETE /api_keys/{key_id}`. */
export const RevokedApiKey = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    created_at: Timestamp,
    created_by: userId,
    last_used_at: Type.Union([Timestamp, Type.Null()]),
    last_used_from_addr: Type.String(),
    revoked: Type.Boolean(),
  },
  { title: 'RevokedApiKey' },
);
export type RevokedApiKey = Shown<typeof RevokedApiKey>;

/** A region as `GET /regions` shows it. */
export const Region = Type.Object(
  {
    region_id: Type.String(),
    name: Type.String(),
    default: Type.Boolean(),
    geo_lat: Type.String(),
    geo_long: Type.String(),
  },
  { title: 'Region' },
);
export type Region = Shown<typeof Region>;

/** Answer of `GET /regions`. */
export const RegionList = Type.Object({ regions: Type.Array(Region) });

const email = Type.String({ format: 'email', minLength: 1, maxLength: 256 });

// Where else a user could come from.
const identity = Type.Object({
  email,
  image: Type.String(),
  login: Type.String(),
  name: Type.String(),
  provider: Type.Enum(['github', 'google']),
});

/** Answer of `GET /users/me`; limits are in force nowhere in an installation without plans. */
export const CurrentUser = Type.Object(
  {
    active_seconds_limit: Type.Integer(),
    auth_accounts: Type.Array(identity),
    email,
    id: userId,
    image: Type.String(),
    login: Type.String(),
    name: Type.String(),
    last_name: Type.String(),
    projects_limit: Type.Integer(),
    branches_limit: Type.Integer(),
    max_autoscaling_limit: Type.Number({ description: 'CU' }),
    plan: Type.String(),
  },
  { title: 'CurrentUser' },
);
export type CurrentUser = Shown<typeof CurrentUser>;

/** Answer of `GET /auth`: what the key of the request is. */
export const AuthDetails = Type.Object(
  {
    account_id: Type.String(),
    auth_method: Type.Enum(['api_key_user', 'api_key_org']),
    auth_data: Type.String({ description: 'the id of the key' }),
  },
  { title: 'AuthDetails' },
);
export type AuthDetails = Shown<typeof AuthDetails>;

/** Query of `GET /regions`. */
export const RegionListQuery = Type.Object({
  org_id: Type.Optional(Type.String({ pattern: idPattern })),
});
export type RegionListQuery = Static<typeof RegionListQuery>;

/** Body of every error of the public API; `request_id` echoes the client's `X-Request-ID`. */
export const ErrorBody = Type.Object(
  {
    request_id: Type.Optional(Type.String()),
    code: Type.String(),
    message: Type.String(),
  },
  { title: 'Error' },
);
export type ErrorBody = Shown<typeof ErrorBody>;
