import {
  brokenValues,
  ownContract,
  publishedContract,
  randomValue,
  schemaFields,
} from '@pgfleet/testkit';
import type {
  ContractOperation,
  ContractParameter,
  RandomValueOptions,
  SeededRandom,
} from '@pgfleet/testkit';
import type { FuzzedTenant } from './fuzzed-tenant.ts';

/* Requests that are made from the published schemas. */

const VALID_REQUESTS = 18;
/** More than any operation has places to break, so that none is left out by chance. */
const INVALID_REQUESTS = 150;

const own = ownContract();
const published = publishedContract();

/** Every operation, with the contract that requests are made from. */
export const fuzzedOperations: readonly Pick<Fuzz, 'ours' | 'asked' | 'contract'>[] =
  own.operations.map((ours) => {
    const theirs = published.operations.find(({ operationId }) => operationId === ours.operationId);
    // What only pgfleet has is measured by its own description.
    return { ours, asked: theirs ?? ours, contract: theirs ? published : own };
  });

/** An operation that requests are made for. */
export interface Fuzz {
  readonly ours: ContractOperation;
  readonly asked: ContractOperation;
  readonly contract: typeof own;
  readonly random: SeededRandom;
  readonly tenant: FuzzedTenant;
}

export interface FuzzedRequest {
  readonly what: string;
  readonly path: string;
  readonly body: unknown;
}

/** Requests that the contract allows, from the barest to the fullest. */
export function* validRequests(fuzz: Fuzz): Generator<FuzzedRequest> {
  for (let index = 0; index < VALID_REQUESTS; index += 1) {
    const optional = [0, 0.3, 0.7][index % 3] ?? 0;
    const values = valueOptions(fuzz, optional);
    const body = fuzz.asked.body && randomValue(fuzz.asked.body.schema, values);
    yield { what: 'valid', path: address(fuzz, queryOf(fuzz, values)), body };
  }
}

/**
 * Requests that the contract does not allow, each for one reason. Fields that pgfleet does not know
 * are left out: they are dropped whatever they hold.
 */
export function invalidRequests(fuzz: Fuzz): FuzzedRequest[] {
  const { asked, ours, contract, random } = fuzz;
  const values = valueOptions(fuzz, 1);
  const query = queryOf(fuzz, valueOptions(fuzz, 0));
  const schema = asked.body?.schema;
  const good = schema && randomValue(schema, values);
  const known = ours.body && schemaFields(ours.body.schema, own);
  const bodies = schema
    ? brokenValues(schema, good, contract)
        .filter(({ path }) => known?.has(path))
        .map(({ path, how, value }) => ({
          what: `body${path} ${how}`,
          path: address(fuzz, query),
          body: value,
        }))
    : [];
  const broken = [...bodies, ...invalidParameters(fuzz, { query, body: good })];
  while (broken.length > INVALID_REQUESTS) broken.splice(random.below(broken.length), 1);
  return broken;
}

/** Values of parameters as they are written, by name. */
type Texts = Readonly<Record<string, string>>;

function invalidParameters(
  fuzz: Fuzz,
  { query, body }: { readonly query: Texts; readonly body: unknown },
): FuzzedRequest[] {
  const known = new Set(fuzz.ours.parameters.map(({ name }) => name));
  return fuzz.asked.parameters
    .filter((parameter) => parameter.in !== 'header' && known.has(parameter.name))
    .flatMap((parameter) =>
      wrongTexts(fuzz, parameter).map(({ how, text }) => {
        const what = `${parameter.in} ${parameter.name} ${how}`;
        return { what, path: brokenAddress(fuzz, { query, parameter, text }), body };
      }),
    );
}

function brokenAddress(
  fuzz: Fuzz,
  broken: {
    readonly query: Texts;
    readonly parameter: ContractParameter;
    readonly text: string | undefined;
  },
): string {
  const { name, in: place } = broken.parameter;
  const wrong: Texts = broken.text === undefined ? {} : { [name]: broken.text };
  if (place === 'path') return address(fuzz, broken.query, wrong);
  const { [name]: _, ...rest } = broken.query;
  return address(fuzz, { ...rest, ...wrong });
}

function wrongTexts({ contract }: Fuzz, { name, in: place, required, schema }: ContractParameter) {
  const texts = brokenValues(
    { type: 'object', properties: { [name]: schema } },
    { [name]: '' },
    contract,
  )
    .filter(({ path }) => path === `.${name}`)
    .map(({ how, value }) => ({ how, value: (value as Record<string, unknown>)[name] }))
    // Every text is one, and a number written out too.
    .filter(({ value }) => schema.type !== 'string' || typeof value === 'string')
    .map(({ how, value }) => ({ how, text: String(value) as string | undefined }));
  return required && place === 'query' ? [...texts, { how: 'missing', text: undefined }] : texts;
}

/** Sends a request, and says what is wrong with any answer. */
export async function send(
  { asked, tenant }: Fuzz,
  request: FuzzedRequest,
  headers: Readonly<Record<string, string>> = {},
) {
  const { status, body } = await tenant.call<Record<string, unknown> | undefined>(
    asked.method as 'GET',
    request.path,
    {
      headers: { 'x-request-id': 'fuzz', 'content-type': 'application/json', ...headers },
      ...(request.body === undefined ? {} : { payload: JSON.stringify(request.body) }),
    },
  );
  const text = JSON.stringify(body ?? null);
  // The rest of an error's shape is checked like that of every answer.
  const isNamed = status < 400 || body?.['request_id'] === 'fuzz';
  const problems = isNamed ? [] : [`${describe(request, status, text)} without request_id`];
  return { status, body, text, problems };
}

/** What was sent and what came back. */
export function describe(
  { what, path, body }: FuzzedRequest,
  status: number,
  text: string,
): string {
  return `${what}: ${path} ${JSON.stringify(body)} answered ${status} ${text.slice(0, 200)}`;
}

function valueOptions({ contract, random, tenant }: Fuzz, optional: number): RandomValueOptions {
  return { contract, random, optional, known: (name) => tenant.known(name, random) };
}

function queryOf({ asked }: Fuzz, values: RandomValueOptions): Texts {
  const { random } = values;
  const parameters = asked.parameters.filter(
    (parameter) =>
      parameter.in === 'query' && (parameter.required || random.chance(values.optional)),
  );
  return Object.fromEntries(
    parameters.map(({ name, schema }) => [name, String(randomValue(schema, values, name))]),
  );
}

function address(fuzz: Fuzz, query: Texts, broken: Texts = {}): string {
  const path = fuzz.asked.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(broken[name] ?? pathText(fuzz, name)),
  );
  const text = new URLSearchParams(query).toString();
  return text ? `${path}?${text}` : path;
}

// What exists most of the time; else anything that the contract allows there.
function pathText(fuzz: Fuzz, name: string): string {
  const { asked, random, tenant } = fuzz;
  const parameter = asked.parameters.find((each) => each.in === 'path' && each.name === name);
  const anything = () => String(randomValue(parameter?.schema ?? {}, valueOptions(fuzz, 0)));
  return tenant.known(name, random) ?? anything();
}
