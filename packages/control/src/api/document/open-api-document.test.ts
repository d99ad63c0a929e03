import { apiOperationGroups } from '@pgfleet/contract';
import type { OpenApiDocument } from '@pgfleet/contract';
import { ownContract } from '@pgfleet/testkit';
import type { ContractSchema } from '@pgfleet/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestControl } from '../../testing/test-control.ts';
import { TestPostgres } from '../../testing/test-postgres.ts';
import { unimplementedOperations } from '../unimplemented-operations.ts';

let postgres: TestPostgres;
let control: TestControl;
beforeAll(async () => {
  postgres = await TestPostgres.open();
  control = await TestControl.open(postgres, { works: false });
});
afterAll(async () => {
  await control[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const described = apiOperationGroups.flatMap(({ operations }) => operations);

/** The routes of the API by method and address, as descriptions write them. */
function routes() {
  const missing = new Set(unimplementedOperations.map(({ method, path }) => `${method} ${path}`));
  const found = control.routes
    .filter(({ method }) => method !== 'HEAD')
    .map(({ method, url, schema }) => {
      const path = url.replace('/api/v2', '').replaceAll(/:(\w+)/g, '{$1}');
      return { address: `${String(method)} ${path}`, schema };
    });
  return new Map(
    found.filter(({ address }) => !missing.has(address)).map((each) => [each.address, each.schema]),
  );
}

test('every route is described, and what is described is a route', () => {
  const addresses = described.map(({ method, path }) => `${method} ${path}`);
  expect(addresses.toSorted()).toEqual([...routes().keys()].toSorted());
});

test('requests are checked with the schemas that are described', () => {
  const known = routes();
  for (const { id, method, path, body, query } of described) {
    const schema = known.get(`${method} ${path}`);
    expect({ id, isSame: schema?.body === body }).toEqual({ id, isSame: true });
    expect({ id, isSame: schema?.querystring === query }).toEqual({ id, isSame: true });
  }
});

test('parameters of paths are described as they are checked', () => {
  const known = routes();
  const { operations } = ownContract();
  for (const { operationId, method, path, parameters } of operations) {
    const { properties = {} } = (known.get(`${method} ${path}`)?.params ?? {}) as ContractSchema;
    const ofPath = parameters.filter((parameter) => parameter.in === 'path');
    expect([operationId, ...Object.keys(properties).toSorted()]).toEqual([
      operationId,
      ...ofPath.map(({ name }) => name).toSorted(),
    ]);
    for (const { name, schema } of ofPath) {
      // Where the route takes any text, what it looks for is not found by another.
      if (Object.keys(properties[name] ?? {}).length === 1) continue;
      expect({ operationId, name, schema }).toEqual({
        operationId,
        name,
        schema: { ...properties[name] },
      });
    }
  }
});

test('the document is served to everybody', async () => {
  const answer = await control.api.inject('/api/v2/openapi.json');
  expect(answer.statusCode).toBe(200);
  const document = answer.json<OpenApiDocument>();
  const ids = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(ids.toSorted()).toEqual(described.map(({ id }) => id).toSorted());
  expect(document.openapi).toBe('3.1.0');
});

test('every reference of the document leads somewhere', async () => {
  const { body } = await control.api.inject('/api/v2/openapi.json');
  const { components } = JSON.parse(body) as OpenApiDocument;
  for (const [, name = ''] of body.matchAll(/#\/components\/schemas\/(\w+)/g)) {
    expect(components.schemas).toHaveProperty(name);
  }
});

test('the page shows every operation and loads nothing', async () => {
  const { body, headers } = await control.api.inject('/api/v2/docs');
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(headers['content-security-policy']).toContain("default-src 'none'");
  for (const { id } of described) expect(body).toContain(`<article id="${id}">`);
  expect(body).not.toMatch(/<script|<link|src=|https?:/);
  for (const [, name = ''] of body.matchAll(/href="#([\w-]+)"/g)) {
    expect(body).toContain(`id="${name}"`);
  }
});
