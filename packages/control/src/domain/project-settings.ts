import { BlockList, isIP } from 'node:net';
import { PgfleetError } from '@pgfleet/contract';
import type { EndpointSettings, ProjectSettings } from '@pgfleet/contract';
import type { Effect } from './carry-change.ts';
import { invalidField } from './invalid-request.ts';
import { areSameLibraries, enabledLibraries } from './preload-libraries.ts';

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

/**
 * What a change of a project's settings does to the compute of an endpoint that runs; null when its
 * host need not hear of it.
 */
export function effectOnEndpoint(
  { before, after, requested }: SettingsChange,
  endpoint: { readonly settings: EndpointSettings },
): Effect | null {
  const isHeardOf =
    requested !== undefined && endpointKeys.some((key) => requested[key] !== undefined);
  if (!isHeardOf && sizeLimit(before) === sizeLimit(after)) return null;
  const libraries = [before, after].map((settings) =>
    enabledLibraries(settings, endpoint.settings),
  );
  if (!areSameLibraries(libraries[0]!, libraries[1]!)) return 'restart';
  const isLogical = after.enable_logical_replication && !before.enable_logical_replication;
  // As the contract has it: what runs is suspended.
  return isLogical ? 'suspend' : 'live';
}

export interface SettingsChange {
  readonly before: ProjectSettings;
  readonly after: ProjectSettings;
  readonly requested: ProjectSettings | undefined;
}

const endpointKeys = [
  'allowed_ips',
  'block_public_connections',
  'block_vpc_connections',
  'enable_logical_replication',
  'preload_libraries',
] as const;

// Zero is no limit.
function sizeLimit({ quota }: ProjectSettings): number {
  return quota?.logical_size_bytes ?? 0;
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
  const family = familyOf(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || isPrefix(prefix, family === 4 ? 32 : 128);
}

// Clients are known by plain addresses: none has a zone, or is an IPv4 address within an IPv6 one.
function familyOf(address: string): number {
  return /%|^::ffff:/i.test(address) ? 0 : isIP(address);
}

function isPrefix(text: string, bits: number): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) <= bits;
}

function isOrderedPair(first: string, last: string): boolean {
  const family = familyOf(first);
  if (family === 0 || family !== familyOf(last)) return false;
  try {
    new BlockList().addRange(first, last, family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    // The class knows no other way to say that the last address is below the first.
    return false;
  }
}
