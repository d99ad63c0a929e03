/**
 * Which endpoint a client means. It may say so in the host name it connects to (SNI), in a word
 * of the `options` parameter, or in front of its password. A branch id may stand in its place.
 * Source: Neon's "Connect from clients that do not support SNI".
 */
import { type EndpointName, idPattern } from '@pgfleet/contract';
import { joinStartupOptions, splitStartupOptions } from '@pgfleet/pgwire';
import { refusals } from './refusal.ts';
import { withoutPoint } from './requested-point.ts';

export type RequestedEndpoint = {
  readonly name: EndpointName;
  /** Known when the full host name was used. */
  readonly regionId?: string;
};

const poolerSuffix = '-pooler';
const endpointWord = /^(?:endpoint|project)=(.*)$/;
/** Settings of Neon's proxy, not of Postgres: `neon_endpoint_type:read_write`, … */
const proxyWord = /^neon_[a-z_]+:/;

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
  if (label === undefined) return option === undefined ? undefined : { name: parse(option) };
  const name = parse(label);
  if (option !== undefined && parse(option) !== name) {
    throw refusals.inconsistentEndpoint(label, option);
  }
  return { name, ...(regionId === undefined ? {} : { regionId }) };
}

/** Splits `endpoint=<id>;<password>` (or `$` in place of `;`); throws a {@link Refusal} if absent. */
export function splitPassword(text: string): { name: EndpointName; password: string } {
  const [, id, password] = /^(?:endpoint|project)=([^;$]*)[;$](.*)$/s.exec(text) ?? [];
  if (id === undefined || password === undefined) throw refusals.missingEndpoint();
  return { name: parse(id), password };
}

/** The `options` that are meant for Postgres. */
export function postgresOptions(options: string): string {
  const words = withoutPoint(splitStartupOptions(options));
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

function parse(text: string): EndpointName {
  const id = text.endsWith(poolerSuffix) ? text.slice(0, -poolerSuffix.length) : text;
  if (!new RegExp(idPattern).test(id)) throw refusals.endpointNotFound();
  return id as EndpointName;
}
