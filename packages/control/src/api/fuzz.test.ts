import {
  brokenValues,
  keepAnswerCounts,
  ownContract,
  publishedContract,
  randomValue,
  schemaFields,
  SeededRandom,
  unsupportedRequests,
} from '@pgfleet/testkit';
import type {
  ContractOperation,
  ContractParameter,
  RandomValueOptions,
  UnsupportedRequest,
} from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { FuzzedTenant } from '../testing/fuzzed-tenant.ts';
import { TestControl } from '../testing/test-control.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

/*
 * Requests that are made from the published schemas. What the contract allows may be refused for
 * the state that things are in, but must not make the server fail; what it does not allow must be
 * refused.
 */

const SEED = 424_242;
const VALID_REQUESTS = 12;
const INVALID_REQUESTS = 40;

let postgres: TestPostgres;
let control: TestControl;
const counts = { 'fuzzed valid requests': 0, 'fuzzed invalid requests': 0 };
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres, { patienceMs: 20 });
});
afterAll(async () => {
  keepAnswerCounts(inject('answerCounts'), counts);
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const own = ownContract();
const published = publishedContract();
const succeeded = new Set<string>();
const unsupported = new Set<UnsupportedRequest>();

// What only pgfleet has is measured by its own description.
const operations = own.operations.map((ours) => {
  const theirs = published.operations.find(({ operationId }) => operationId === ours.operationId);
  return { ours, asked: theirs ?? ours, contract: theirs ? published : own };
});

test.each(operations.map((operation) => [operation.ours.operationId, operation] as const))(
  '%s takes or refuses what is valid, and refuses what is not',
  async (operationId, operation) => {
    const random = new SeededRandom(SEED + operationId.length * 31 + operationId.charCodeAt(0));
    const tenant = await FuzzedTenant.open(control);
    const fuzz: Fuzz = { ...operation, random, tenant };
    const problems: string[] = [];
    // Those that must be refused come first: they leave things as they are.
    for (const request of invalidRequests(fuzz)) {
      problems.push(...(await tryInvalid(fuzz, request)));
    }
    for (const request of validRequests(fuzz)) problems.push(...(await tryValid(fuzz, request)));
    expect(problems).toEqual([]);
  },
);

/** What random requests do not reach: it takes a certain state, two organizations, an operator. */
const outOfReach = new Set([
  'recoverProject',
  'revokePermissionFromProject',
  'acceptProjectTransferRequest',
  'addProjectJWKS',
  'deleteProjectJWKS',
  'restoreProjectBranch',
  'recoverProjectBranch',
  'finalizeRestoreBranch',
  'getProjectBranchSchemaComparison',
  'createProjectEndpoint',
  'transferProjectsFromUserToOrg',
  'transferProjectsFromOrgToOrg',
  'revokeOrgApiKey',
  'getOrganizationMember',
  'updateOrganizationMember',
  'removeOrganizationMember',
  'getConsumptionHistoryPerProjectV2',
  'getConsumptionHistoryPerBranchV2',
  'createUser',
  'createOrganization',
]);

test('of every other operation a valid request succeeded', () => {
  const failed = operations
    .map(({ ours }) => ours.operationId)
    .filter((id) => !succeeded.has(id) && !outOfReach.has(id));
  expect(failed).toEqual([]);
});

test('every request that is listed as not supported is one', () => {
  expect(unsupportedRequests.filter((each) => !unsupported.has(each))).toEqual([]);
});

interface Fuzz {
  readonly ours: ContractOperation;
  readonly asked: ContractOperation;
  readonly contract: typeof own;
  readonly random: SeededRandom;
  readonly tenant: FuzzedTenant;
}

interface FuzzedRequest {
  readonly what: string;
  readonly path: string;
  readonly body: unknown;
}

function* validRequests(fuzz: Fuzz): Generator<FuzzedRequest> {
  for (let index = 0; index < VALID_REQUESTS; index += 1) {
    const optional = [0, 0.3, 0.7][index % 3] ?? 0;
    const values = valueOptions(fuzz, optional);
    const body = fuzz.asked.body && randomValue(fuzz.asked.body.schema, values);
    yield { what: 'valid', path: address(fuzz, queryOf(fuzz, values)), body };
  }
}

// Fields that pgfleet does not know are dropped whatever they hold.
function invalidRequests(fuzz: Fuzz): FuzzedRequest[] {
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
  const broken = [...bodies, ...invalidQueries(fuzz, { query, body: good })];
  while (broken.length > INVALID_REQUESTS) broken.splice(random.below(broken.length), 1);
  return broken;
}

type Query = Readonly<Record<string, string>>;

function invalidQueries(
  fuzz: Fuzz,
  { query, body }: { readonly query: Query; readonly body: unknown },
): FuzzedRequest[] {
  const known = new Set(fuzz.ours.parameters.map(({ name }) => name));
  return fuzz.asked.parameters
    .filter((parameter) => parameter.in === 'query' && known.has(parameter.name))
    .flatMap((parameter) =>
      wrongTexts(fuzz, parameter).map(({ how, text }) => {
        const { [parameter.name]: _, ...rest } = query;
        const changed = text === undefined ? rest : { ...rest, [parameter.name]: text };
        return { what: `query ${parameter.name} ${how}`, path: address(fuzz, changed), body };
      }),
    );
}

function wrongTexts({ contract }: Fuzz, { name, required, schema }: ContractParameter) {
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
  return required ? [...texts, { how: 'missing', text: undefined }] : texts;
}

async function tryValid(fuzz: Fuzz, request: FuzzedRequest): Promise<string[]> {
  counts['fuzzed valid requests'] += 1;
  const { status, text, problems } = await send(fuzz, request);
  if (status < 300) succeeded.add(fuzz.ours.operationId);
  if (status === 501) {
    const known = unsupportedRequests.find(
      ({ operationIds, message }) =>
        operationIds.includes(fuzz.ours.operationId) && message.test(text),
    );
    if (known) {
      unsupported.add(known);
      return problems;
    }
  }
  return status < 500 ? problems : [...problems, describe(request, status, text)];
}

async function tryInvalid(fuzz: Fuzz, request: FuzzedRequest): Promise<string[]> {
  counts['fuzzed invalid requests'] += 1;
  const { status, text, problems } = await send(fuzz, request);
  const isRefused = status >= 400 && status < 500;
  return isRefused ? problems : [...problems, describe(request, status, text)];
}

async function send({ asked, tenant }: Fuzz, request: FuzzedRequest) {
  const { status, body } = await tenant.call<Record<string, unknown> | undefined>(
    asked.method as 'GET',
    request.path,
    {
      headers: { 'x-request-id': 'fuzz', 'content-type': 'application/json' },
      ...(request.body === undefined ? {} : { payload: JSON.stringify(request.body) }),
    },
  );
  const text = JSON.stringify(body ?? null);
  // The rest of an error's shape is checked like that of every answer.
  const isNamed = status < 400 || body?.['request_id'] === 'fuzz';
  const problems = isNamed ? [] : [`${describe(request, status, text)} without request_id`];
  return { status, text, problems };
}

function describe({ what, path, body }: FuzzedRequest, status: number, text: string): string {
  return `${what}: ${path} ${JSON.stringify(body)} answered ${status} ${text.slice(0, 200)}`;
}

function valueOptions({ contract, random, tenant }: Fuzz, optional: number): RandomValueOptions {
  return { contract, random, optional, known: (name) => tenant.known(name, random) };
}

function queryOf({ asked }: Fuzz, values: RandomValueOptions): Query {
  const { random } = values;
  const parameters = asked.parameters.filter(
    (parameter) =>
      parameter.in === 'query' && (parameter.required || random.chance(values.optional)),
  );
  return Object.fromEntries(
    parameters.map(({ name, schema }) => [name, String(randomValue(schema, values, name))]),
  );
}

function address({ asked, random, tenant }: Fuzz, query: Query): string {
  const path = asked.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(tenant.known(name, random) ?? 'no-such-1'),
  );
  const text = new URLSearchParams(query).toString();
  return text ? `${path}?${text}` : path;
}
