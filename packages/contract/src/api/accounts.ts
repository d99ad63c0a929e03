import { Type } from 'typebox';
import type { Static } from 'typebox';
import { idPattern } from '../ids.ts';
import type { UserId } from '../ids.ts';

/** Body of `POST /api_keys`. */
export const ApiKeyCreateRequest = Type.Object({
  key_name: Type.String({ minLength: 1, maxLength: 64 }),
});
export type ApiKeyCreateRequest = Static<typeof ApiKeyCreateRequest>;

/** Answer of `POST /api_keys`: the only one that ever shows the key. */
export interface CreatedApiKey {
  readonly id: number;
  readonly key: string;
  readonly name: string;
  readonly created_at: string;
  readonly created_by: UserId;
}

/** An API key in the list of keys. */
export interface ApiKeyListItem {
  readonly id: number;
  readonly name: string;
  readonly created_at: string;
  readonly created_by: { readonly id: UserId; readonly name: string; readonly image: string };
  readonly last_used_at: string | null;
  readonly last_used_from_addr: string;
}

/** Answer of `DELETE /api_keys/{key_id}`. */
export interface RevokedApiKey {
  readonly id: number;
  readonly name: string;
  readonly created_at: string;
  readonly created_by: UserId;
  readonly last_used_at: string | null;
  readonly last_used_from_addr: string;
  readonly revoked: boolean;
}

/** A region as `GET /regions` shows it. */
export interface Region {
  readonly region_id: string;
  readonly name: string;
  readonly default: boolean;
  readonly geo_lat: string;
  readonly geo_long: string;
}

/** Query of `GET /regions`. */
export const RegionListQuery = Type.Object({
  org_id: Type.Optional(Type.String({ pattern: idPattern })),
});
export type RegionListQuery = Static<typeof RegionListQuery>;

/** Body of every error of the public API; `request_id` echoes the client's `X-Request-ID`. */
export interface ErrorBody {
  readonly request_id?: string;
  readonly code: string;
  readonly message: string;
}
