import type { EndpointId, HostClient, HostEntry, HostId, LoginResponse } from '@pgfleet/contract';
import { PgfleetError } from '@pgfleet/contract';
import { RpcUnreachableError } from '@pgfleet/kit';
import { beforeEach, expect, test } from 'vitest';
import type { KnownHost } from './host-directory.ts';
import { Router } from './route.ts';

const name = 'ep-misty-sea-a5833nbi' as EndpointId;
const question = { name, role: 'alice', signal: new AbortController().signal };
const known = { projectId: 'p', verifier: null } as unknown as LoginResponse;

let asked: string[];
beforeEach(() => {
  asked = [];
});

function host(id: string, answer: () => LoginResponse): KnownHost {
  const entry: HostEntry = { hostId: id as HostId, regionId: id, address: 'unix:/nowhere' };
  const login = async () => {
    asked.push(id);
    return answer();
  };
  return { entry, client: { login } as unknown as HostClient };
}

const notFound = () => {
  throw new PgfleetError('endpoint_not_found');
};
const away = () => {
  throw new RpcUnreachableError('away');
};

function routerOf(hosts: readonly KnownHost[]): Router {
  const directory = {
    all: () => hosts,
    byId: (id: HostId) => hosts.find(({ entry }) => entry.hostId === id),
    inRegion: (regionId: string) => hosts.filter(({ entry }) => entry.regionId === regionId),
    refresh: async () => undefined,
  };
  const control = {
    route: async () => {
      asked.push('control');
      return { hostId: 'b' as HostId, regionId: 'b', pending: false };
    },
  };
  return new Router(directory, control);
}

test('of several hosts the one that has the endpoint is found without control', async () => {
  const router = routerOf([host('a', notFound), host('b', () => known), host('c', away)]);
  expect((await router.login(question)).login).toBe(known);
  expect(asked.toSorted()).toEqual(['a', 'b', 'c']);
});

test('the next login goes to the host that had the endpoint', async () => {
  const router = routerOf([host('a', notFound), host('b', () => known)]);
  await router.login(question);
  asked = [];
  await router.login(question);
  expect(asked).toEqual(['b']);
});

test('control is asked when no host knows the endpoint', async () => {
  const answers = [notFound, () => known];
  const router = routerOf([host('a', notFound), host('b', () => answers.shift()!())]);
  expect((await router.login(question)).login).toBe(known);
  expect(asked.at(-2)).toBe('control');
});

test('a fleet of many hosts is not asked all at once', async () => {
  const crowd = Array.from({ length: 20 }, (_, index) => host(`h${index}`, notFound));
  const router = routerOf([...crowd, host('b', () => known)]);
  await router.login(question);
  expect(asked).toEqual(['control', 'b']);
});
