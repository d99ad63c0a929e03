import type { LoginResponse } from '@pgfleet/contract';
import { expect, test } from 'vitest';
import { checkAddress } from './authenticate.ts';

const open: LoginResponse = {
  endpointId: 'ep-some-where-a1b2c3d4' as LoginResponse['endpointId'],
  projectId: 'some-where-12345678' as LoginResponse['projectId'],
  verifier: null,
  allowedIps: [],
  blockPublicConnections: false,
  blockPrivateConnections: false,
  disabled: false,
  socketPath: null,
};
const blocked = 'from a blocked network';

const from = (address: string, change: Partial<LoginResponse>) => () =>
  checkAddress(address, { ...open, ...change });

test('every address is on one side: public or private', () => {
  for (const [address, mine, other] of [
    ['203.0.113.7', 'blockPublicConnections', 'blockPrivateConnections'],
    ['2001:db8::1', 'blockPublicConnections', 'blockPrivateConnections'],
    ['10.1.2.3', 'blockPrivateConnections', 'blockPublicConnections'],
    ['127.0.0.1', 'blockPrivateConnections', 'blockPublicConnections'],
    ['fd00::1', 'blockPrivateConnections', 'blockPublicConnections'],
  ] as const) {
    expect(from(address, {})).not.toThrow();
    expect(from(address, { [other]: true })).not.toThrow();
    expect(from(address, { [mine]: true })).toThrow(blocked);
  }
});

test('a blocked side stays blocked for who is on the list', () => {
  const change = { blockPublicConnections: true, allowedIps: ['203.0.113.7', '10.0.0.0/8'] };
  expect(from('203.0.113.7', change)).toThrow(blocked);
  expect(from('10.1.2.3', change)).not.toThrow();
  expect(from('192.168.1.1', change)).toThrow('not allowed');
});
