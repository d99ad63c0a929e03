import type { ApiContract, ContractOperation, ContractSchema } from './api-contract.ts';
import { schemaFields } from './schema-fields.ts';
import type { SchemaField } from './schema-fields.ts';

/*
 * Two contracts beside each other, field by field. A request may be taken more freely or more
 * strictly than the published contract has it; both are differences. An answer is different where
 * somebody who knows only the published contract would be surprised: a field that is not in it or
 * that it promises and we do not, a type, value or format beyond it.
 */

/** Every difference of the operations that both contracts have, one line each. */
export function compareContracts(ours: ApiContract, published: ApiContract): readonly string[] {
  return ours.operations.flatMap((operation) => {
    const other = published.operations.find(
      ({ method, path }) => method === operation.method && path === operation.path,
    );
    if (!other) return [];
    const pair = { ours: operation, published: other };
    return compareOperations(pair, { ours, published }).map(
      (line) => `${operation.operationId} ${line}`,
    );
  });
}

interface Pair<T> {
  readonly ours: T;
  readonly published: T;
}

type Schemas = Pair<ContractSchema | undefined>;

function compareOperations(pair: Pair<ContractOperation>, contracts: Pair<ApiContract>): string[] {
  const { ours, published } = pair;
  // Errors have one shape everywhere.
  const statuses = [...Object.keys(ours.answers), ...Object.keys(published.answers)].filter(
    (status) => status.startsWith('2'),
  );
  return [
    ...(ours.operationId === published.operationId ? [] : [`is called ${published.operationId}`]),
    ...compareParameters(pair, contracts),
    ...prefix(
      'body',
      compareSchemas(
        { ours: ours.body?.schema, published: published.body?.schema },
        contracts,
        compareRequestField,
      ),
    ),
    ...[...new Set(statuses)].flatMap((status) => {
      if (!(status in ours.answers)) return [`${status}: missing`];
      if (!(status in published.answers)) return [`${status}: not in the contract`];
      const schemas = { ours: ours.answers[status], published: published.answers[status] };
      return prefix(status, compareSchemas(schemas, contracts, compareAnswerField));
    }),
  ];
}

function compareParameters(
  { ours, published }: Pair<ContractOperation>,
  contracts: Pair<ApiContract>,
): string[] {
  // Headers are the same everywhere, and the published contract is silent about them.
  const names = new Set(
    [...ours.parameters, ...published.parameters]
      .filter((parameter) => parameter.in !== 'header')
      .map((parameter) => `${parameter.in} ${parameter.name}`),
  );
  return [...names].flatMap((name) => {
    const find = ({ parameters }: ContractOperation) =>
      parameters.find((parameter) => `${parameter.in} ${parameter.name}` === name);
    const [mine, theirs] = [find(ours), find(published)];
    const lines = compareSchemas(
      { ours: mine?.schema, published: theirs?.schema },
      contracts,
      compareRequestField,
    );
    if (mine && theirs && Boolean(mine.required) !== Boolean(theirs.required)) {
      lines.push(`: ${mine.required ? 'required' : 'optional'}, there it is not`);
    }
    return prefix(name, lines);
  });
}

function prefix(name: string, lines: readonly string[]): string[] {
  return lines.map((line) => (line.startsWith(':') ? `${name}${line}` : `${name} ${line}`));
}

type CompareField = (ours: SchemaField, published: SchemaField) => string[];

// What is missing or extra is told once, not again for all that lies below it.
function compareSchemas(schemas: Schemas, contracts: Pair<ApiContract>, compare: CompareField) {
  const fields = (kind: keyof Schemas) =>
    schemas[kind] ? schemaFields(schemas[kind], contracts[kind]) : new Map<string, SchemaField>();
  const [ours, published] = [fields('ours'), fields('published')];
  const lines: string[] = [];
  const told: string[] = [];
  for (const path of new Set([...published.keys(), ...ours.keys()])) {
    if (told.some((parent) => path.startsWith(parent))) continue;
    const [mine, theirs] = [ours.get(path), published.get(path)];
    if (mine && theirs) {
      lines.push(...compare(mine, theirs).map((text) => `${path}: ${text}`));
      continue;
    }
    told.push(path);
    const isNeeded = theirs?.isRequired && path !== '' ? ', and required' : '';
    lines.push(`${path}: ${mine ? 'not in the contract' : `missing${isNeeded}`}`);
  }
  return lines;
}

function compareRequestField(ours: SchemaField, published: SchemaField): string[] {
  const limits = new Set([...Object.keys(ours.limits), ...Object.keys(published.limits)]);
  return [
    ...unlessSame('type', list(ours.types), list(published.types)),
    ...unlessSame('values', list(ours.values), list(published.values)),
    ...unlessSame('format', textFormat(ours), textFormat(published)),
    ...unlessSame('required', ours.isRequired, published.isRequired),
    ...unlessSame('default', ours.default, published.default),
    ...[...limits].flatMap((limit) =>
      unlessSame(limit, ours.limits[limit], published.limits[limit]),
    ),
  ];
}

function compareAnswerField(ours: SchemaField, published: SchemaField): string[] {
  const format = textFormat(published);
  return [
    ...(isWithin(ours.types, published.types)
      ? []
      : unlessSame('type', list(ours.types), list(published.types))),
    ...(isWithin(ours.values, published.values)
      ? []
      : unlessSame('values', list(ours.values), list(published.values))),
    ...(format ? unlessSame('format', ours.format, format) : []),
    ...(published.isRequired ? unlessSame('required', ours.isRequired, true) : []),
  ];
}

// The others say how large a number can be.
function textFormat({ format, types }: SchemaField): string | undefined {
  return types.has('string') ? format : undefined;
}

function isWithin(
  ours: ReadonlySet<string> | undefined,
  published: ReadonlySet<string> | undefined,
): boolean {
  if (!published) return true;
  const fits = (each: string) =>
    published.has(each) || (each === 'integer' && published.has('number'));
  return ours !== undefined && [...ours].every(fits);
}

function list(set: ReadonlySet<string> | undefined): string | undefined {
  return set && [...set].toSorted().join('|');
}

function unlessSame<T>(what: string, ours: T, published: T): string[] {
  if (ours === published) return [];
  return [`${what} ${String(ours ?? 'any')}, there ${String(published ?? 'any')}`];
}
