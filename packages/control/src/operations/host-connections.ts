import { createHostClient } from '@pgfleet/contract';
import type { HostClient } from '@pgfleet/contract';
import { RpcClient } from '@pgfleet/kit';

/** Connections to the hosts, one client for each address, kept until the process stops. */
export class HostConnections implements AsyncDisposable {
  readonly #token: string;
  readonly #transports = new Map<string, RpcClient>();

  constructor(token: string) {
    this.#token = token;
  }

  /** The host API at an address. */
  connect(address: string): HostClient {
    let transport = this.#transports.get(address);
    if (!transport) {
      transport = new RpcClient(address, this.#token);
      this.#transports.set(address, transport);
    }
    return createHostClient(transport);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const transports = [...this.#transports.values()];
    this.#transports.clear();
    await Promise.all(transports.map((transport) => transport[Symbol.asyncDispose]()));
  }
}
