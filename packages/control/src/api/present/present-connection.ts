import type { ConnectionDetails } from '@pgfleet/contract';
import { connectionUri, endpointHost } from '../../domain/addresses.ts';
import type { ConnectionTarget } from '../../domain/addresses.ts';
import type { Installation } from '../../domain/installation.ts';

/** How to connect, in the contract's words. */
export function presentConnection(
  target: ConnectionTarget,
  installation: Installation,
): ConnectionDetails {
  const { database, password, role } = target;
  return {
    connection_uri: connectionUri(target, installation),
    connection_parameters: {
      database,
      password,
      role,
      host: endpointHost(target, installation),
      pooler_host: endpointHost({ ...target, isPooled: true }, installation),
    },
  };
}
