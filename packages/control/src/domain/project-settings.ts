import { BlockList, isIP } from 'node:net';
import { PgfleetError } from '@pgfleet/contract';
import type { ProjectSettings } from '@pgfleet/contract';
import { invalidField } from './invalid-request.ts';

/** What a project starts with. */
export const initialProjectSettings: ProjectSettings = {
  allowed_ips: { ips: [], protected_branches_only: false },
  enable_logical_replication: false,
  block_public_connections: false,
  block_vpc_connections: false,
};

/**
 * Merges requested settings into current ones; objects such as `quota` are merged by field.
 *
 * @throws PgfleetError `invalid_request` for an address that is none, or when logical replication
 * would be switched off: once on it stays on.
 */
export function changeProjectSettings(
  current: ProjectSettings,
  requested: ProjectSettings | undefined,
): ProjectSettings {
  if (!requested) return current;
  for (const range of requested.allowed_ips?.ips ?? []) requireAddressRange(range);
  if (current.enable_logical_replication && requested.enable_logical_replication === false) {
    throw new PgfleetError('invalid_request', {
      message: 'logical replication cannot be disabled once it is enabled',
    });
  }
  return {
    ...current,
    ...requested,
    ...merged('quota', current, requested),
    ...merged('allowed_ips', current, requested),
  };
}

/** Whether a change of settings has to reach the endpoints of the project. */
export function concernsEndpoints(requested: ProjectSettings | undefined): boolean {
  return (
    requested?.allowed_ips !== undefined ||
    requested?.block_public_connections !== undefined ||
    requested?.enable_logical_replication !== undefined
  );
}

function merged(
  key: 'quota' | 'allowed_ips',
  current: ProjectSettings,
  requested: ProjectSettings,
): Partial<ProjectSettings> {
  if (!requested[key]) return {};
  return { [key]: { ...current[key], ...requested[key] } };
}

function requireAddressRange(range: string): void {
  if (!isAddressRange(range)) {
    throw invalidField('project.settings.allowed_ips.ips', `"${range}" is not an address range`);
  }
}

function isAddressRange(range: string): boolean {
  const [first = '', last, ...more] = range.split('-').map((part) => part.trim());
  if (last !== undefined) return more.length === 0 && isOrderedPair(first, last);
  const [address = '', prefix, ...rest] = range.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || isPrefix(prefix, family === 4 ? 32 : 128);
}

function isPrefix(text: string, bits: number): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) <= bits;
}

function isOrderedPair(first: string, last: string): boolean {
  const family = isIP(first);
  if (family === 0 || family !== isIP(last)) return false;
  try {
    new BlockList().addRange(first, last, family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    // The class knows no other way to say that the last address is below the first.
    return false;
  }
}
