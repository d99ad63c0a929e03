import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { EndpointName, HostId } from '../ids.ts';
import { idPattern } from '../ids.ts';
import { EndpointStatus, HostInfo } from './host-api.ts';
import type { CallContext } from './host-api.ts';
import { call } from './rpc.ts';
import type { RpcTransport } from './rpc.ts';
import { TimelineStatus } from './timeline-api.ts';

/*
 * The part of control that hosts and proxies use. It listens apart from the public API.
 */

const hostId = Type.Unsafe<HostId>(Type.String({ pattern: idPattern }));

/**
 * A host reports every second, and at once when an endpoint changes state. `endpoints` are those
 * that changed since the last report that was acknowledged; after a restart all of them.
 */
export const HostReport = Type.Object({
  address: Type.String({ description: '`unix:/path` or `http://host:port`' }),
  info: HostInfo,
  endpoints: Type.Array(EndpointStatus, { maxItems: 10_000 }),
  /** Those that were measured since the last report. */
  timelines: Type.Array(TimelineStatus, { maxItems: 10_000 }),
});
export type HostReport = Static<typeof HostReport>;

/** Where a host can be reached. */
export const HostEntry = Type.Object({
  hostId,
  regionId: Type.String(),
  address: Type.String(),
});
export type HostEntry = Static<typeof HostEntry>;

/** Where an endpoint lives, for a proxy whose host does not know it (yet). */
export const EndpointRoute = Type.Object({
  hostId,
  regionId: Type.String(),
  /** True while operations that create the endpoint are still running. */
  pending: Type.Boolean(),
});
export type EndpointRoute = Static<typeof EndpointRoute>;

/** A typed client of control's internal API over any transport. */
export function createControlClient(transport: RpcTransport) {
  return {
    report: (host: HostId, report: HostReport, context: CallContext = {}) =>
      call<void>(transport, {
        method: 'POST',
        path: `/internal/v1/hosts/${host}/report`,
        body: report,
        ...context,
      }),

    hosts: (context: CallContext = {}) =>
      call<{ readonly hosts: readonly HostEntry[] }>(transport, {
        method: 'GET',
        path: '/internal/v1/hosts',
        ...context,
      }),

    /** @throws PgfleetError `endpoint_not_found`. */
    route: (name: EndpointName, context: CallContext = {}) =>
      call<EndpointRoute>(transport, {
        method: 'GET',
        path: `/internal/v1/endpoints/${name}/route`,
        ...context,
      }),
  };
}

export type ControlClient = ReturnType<typeof createControlClient>;
