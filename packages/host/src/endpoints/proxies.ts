import type { ActivityRequest, EndpointId } from '@pgfleet/contract';
import type { Endpoint } from './endpoint.ts';

// Proxies report four times a second while they have connections.
const SILENCE_MS = 5000;
const MAX_PROXIES = 1000;

interface Proxy {
  lastReportMs: number;
  readonly connections: Map<EndpointId, number>;
}

/**
 * What proxies say about the connections they hold. A report names only endpoints about which there
 * is something to say; a proxy that falls silent is gone, and its connections with it.
 */
export class Proxies {
  readonly #find: (endpointId: EndpointId) => Endpoint | undefined;
  readonly #onChange: (endpoint: Endpoint) => void;
  readonly #proxies = new Map<string, Proxy>();

  constructor(
    find: (endpointId: EndpointId) => Endpoint | undefined,
    onChange: (endpoint: Endpoint) => void,
  ) {
    this.#find = find;
    this.#onChange = onChange;
  }

  note({ proxyId, endpoints }: ActivityRequest): void {
    const proxy = this.#proxy(proxyId);
    for (const { endpointId, connections, bytesOut, quietMs } of endpoints) {
      const endpoint = this.#find(endpointId);
      if (!endpoint) continue;
      this.#setConnections(proxy, endpoint, connections);
      endpoint.noteTraffic({ bytesOut, quietMs });
      this.#onChange(endpoint);
    }
  }

  /** Forgets proxies that have been silent for too long; to be called every second or so. */
  forgetSilent(): void {
    const oldest = performance.now() - SILENCE_MS;
    for (const [proxyId, proxy] of this.#proxies) {
      if (proxy.lastReportMs < oldest) this.#forget(proxyId, proxy);
    }
  }

  #proxy(proxyId: string): Proxy {
    let proxy = this.#proxies.get(proxyId);
    if (!proxy) {
      this.#makeRoom();
      proxy = { lastReportMs: 0, connections: new Map() };
      this.#proxies.set(proxyId, proxy);
    }
    proxy.lastReportMs = performance.now();
    return proxy;
  }

  #makeRoom(): void {
    const [oldest] = this.#proxies;
    if (oldest && this.#proxies.size >= MAX_PROXIES) this.#forget(...oldest);
  }

  #forget(proxyId: string, proxy: Proxy): void {
    this.#proxies.delete(proxyId);
    for (const endpointId of proxy.connections.keys()) {
      const endpoint = this.#find(endpointId);
      if (!endpoint) continue;
      this.#setConnections(proxy, endpoint, 0);
      this.#onChange(endpoint);
    }
  }

  #setConnections({ connections }: Proxy, endpoint: Endpoint, count: number): void {
    const { endpointId } = endpoint.spec;
    endpoint.connections += count - (connections.get(endpointId) ?? 0);
    if (count === 0) connections.delete(endpointId);
    else connections.set(endpointId, count);
  }
}
