/**
 * Which endpoint a client means. It may say so in the host name it connects to (SNI), in a word
 * of the `options` parameter, or in front of its password. Source: Neon's "Connect from clients
 * that do not support SNI".
 */
import { type EndpointId, idPattern } from '@pgfleet/contract';
import { joinStartupOptions, splitStartupOptions } from '@pgfleet/pgwire';
import { refusals } from './refusal.ts';

export type RequestedEndpoint = {
  readonly endpointId: EndpointId;
  /** Known when the full host name was used. */
  readonly regionId?: string;
};

const poolerSuffix = '-pooler';
const endpointWord = /^(?:endpoint|project)=(.*)$/;
/** Settings of Neon's proxy, not of Postgres: `neon_endpoint_type:read_write`, … */
const proxyWord = /^neon_[a-z_]+:/;
const ephemeralWord = /^(neon_lsn|neon_timestamp):/;

/**
 * Finds the endpoint in SNI and options; `undefined` when neither names one.
 * Throws a {@link Refusal} when they disagree.
 */
export function requestedEndpoint(
  serverName: string | undefined,
  options: string,
  domain: string,
): RequestedEndpoint | undefined {
  const [label, regionId] = splitHostName(serverName, domain);
  const option = endpointOption(options);
  if (label === undefined) return option === undefined ? undefined : { endpointId: parse(option) };
  const endpointId = parse(label);
  if (option !== undefined && parse(option) !== endpointId) {
    throw refusals.inconsistentEndpoint(label, option);
  }
  return { endpointId, ...(regionId === undefined ? {} : { regionId }) };
}

/** Splits `endpoint=<id>;<password>` (or `$` in place of `;`); throws a {@link Refusal} if absent. */
export function splitPassword(text: string): { endpointId: EndpointId; password: string } {
  const [, id, password] = /^(?:endpoint|project)=([^;$]*)[;$](.*)$/s.exec(text) ?? [];
  if (id === undefined || password === undefined) throw refusals.missingEndpoint();
  return { endpointId: parse(id), password };
}

/** The `options` that are meant for Postgres; throws a {@link Refusal} for what is not supported. */
export function postgresOptions(options: string): string {
  const words = splitStartupOptions(options);
  const ephemeral = words.map((word) => ephemeralWord.exec(word)?.[1]).find(Boolean);
  // Serving the present to someone who asked for the past would be worse than an error.
  if (ephemeral) throw refusals.ephemeralCompute(ephemeral);
  return joinStartupOptions(
    words.filter((word) => !endpointWord.test(word) && !proxyWord.test(word)),
  );
}

/** `<endpoint>[.<region>].<domain>`; the bare domain, an address or a foreign name names nothing. */
function splitHostName(serverName = '', domain: string): readonly (string | undefined)[] {
  const suffix = `.${domain.toLowerCase()}`;
  const name = serverName.toLowerCase();
  if (!name.endsWith(suffix)) return [];
  const [label, ...region] = name.slice(0, -suffix.length).split('.');
  return [label, region.length > 0 ? region.join('.') : undefined];
}

function endpointOption(options: string): string | undefined {
  const found = splitStartupOptions(options).map((word) => endpointWord.exec(word)?.[1]);
  return found.find((value) => value !== undefined);
}

function parse(text: string): EndpointId {
  const id = text.endsWith(poolerSuffix) ? text.slice(0, -poolerSuffix.length) : text;
  if (!new RegExp(idPattern).test(id)) throw refusals.endpointNotFound();
  return id as EndpointId;
}
