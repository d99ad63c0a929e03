import { describe, expect, test } from 'vitest';
import {
  createScramVerifier,
  formatScramVerifier,
  mockScramVerifier,
  parseScramVerifier,
  ProtocolError,
  ScramClient,
  ScramServer,
  type ScramClientOptions,
  type ScramServerOptions,
  verifyScramPassword,
} from '../index.ts';
import { saslPrep } from './sasl-prep.ts';

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const verifier = parseScramVerifier(await createScramVerifier('pencil', { salt }));
const channelBinding = Buffer.alloc(32, 7);

async function login(
  clientOptions: Partial<ScramClientOptions> = {},
  serverOptions: Partial<ScramServerOptions> = {},
) {
  const server = new ScramServer({ verifier, ...serverOptions });
  const client = new ScramClient({ credential: { password: 'pencil' }, ...clientOptions });
  const serverFirst = server.start(client.mechanism, client.start());
  const outcome = server.finish(await client.proceed(serverFirst));
  if (outcome.verified) client.finish(outcome.serverFinal);
  return outcome;
}

describe('RFC 7677 § 3', () => {
  const nonces = {
    client: 'rOprNGfwEbeRWgbNEkqO',
    server: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  };
  const final =
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,' +
    'p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';

  test('both halves speak the example word for word', async () => {
    const client = new ScramClient({
      credential: { password: 'pencil' },
      user: 'user',
      nonce: nonces.client,
    });
    const server = new ScramServer({ verifier, nonce: nonces.server });
    expect(client.start().toString()).toBe(`n,,n=user,r=${nonces.client}`);
    const serverFirst = server.start(client.mechanism, client.start());
    expect(serverFirst.toString()).toBe(
      `r=${nonces.client}${nonces.server},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
    );
    const clientFinal = await client.proceed(serverFirst);
    expect(clientFinal.toString()).toBe(final);
    const outcome = server.finish(clientFinal);
    expect(outcome.verified && outcome.serverFinal.toString()).toBe(
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
  });
});

describe('a login', () => {
  test('discloses keys that log in again without the password', async () => {
    const first = await login();
    if (!first.verified) throw new Error('the password is right');
    expect((await login({ credential: { keys: first.keys } })).verified).toBe(true);
  });

  test('is bound to the channel when both sides can', async () => {
    expect((await login({ channelBinding }, { channelBinding })).verified).toBe(true);
  });

  test('over another channel is refused', async () => {
    const other = Buffer.alloc(32, 8);
    await expect(login({ channelBinding: other }, { channelBinding })).rejects.toThrow(
      'channel binding check failed',
    );
  });

  test('without binding stays possible for clients that cannot bind', async () => {
    expect((await login({}, { channelBinding })).verified).toBe(true);
  });

  test('with a wrong password fails', async () => {
    expect((await login({ credential: { password: 'pen' } })).verified).toBe(false);
  });

  test('of an unknown user fails like a wrong password', async () => {
    const mock = mockScramVerifier('nobody', Buffer.from('secret'));
    expect(mock).toEqual(mockScramVerifier('nobody', Buffer.from('secret')));
    expect(mock.salt).not.toEqual(mockScramVerifier('other', Buffer.from('secret')).salt);
    expect((await login({}, { verifier: mock })).verified).toBe(false);
  });
});

describe('the server refuses', () => {
  const start = (mechanism: string, first: string, binding?: Buffer) =>
    new ScramServer({ verifier, channelBinding: binding }).start(mechanism, Buffer.from(first));

  test('a client that was kept from seeing the offer of channel binding', () => {
    expect(() => start('SCRAM-SHA-256', 'y,,n=,r=abc', channelBinding)).toThrow(
      'channel binding negotiation error',
    );
    expect(start('SCRAM-SHA-256', 'y,,n=,r=abc').toString()).toMatch(/^r=abc/);
  });

  test.each([
    ['a mechanism it did not offer', 'SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,n=,r=abc'],
    ['an unknown mechanism', 'SCRAM-SHA-1', 'n,,n=,r=abc'],
    ['another identity', 'SCRAM-SHA-256', 'n,a=root,n=,r=abc'],
    ['binding without PLUS', 'SCRAM-SHA-256', 'p=tls-server-end-point,,n=,r=abc'],
    ['mandatory extensions', 'SCRAM-SHA-256', 'n,,m=x,n=,r=abc'],
    ['an empty nonce', 'SCRAM-SHA-256', 'n,,n=,r='],
    ['a nonce with control characters', 'SCRAM-SHA-256', 'n,,n=,r=a\u0001'],
    ['nothing at all', 'SCRAM-SHA-256', ''],
  ])('%s', (_what, mechanism, first) => {
    expect(() => start(mechanism, first)).toThrow(ProtocolError);
  });

  test.each(['', 'c=biws', 'c=biws,r=abc', 'c=biws,r=NONCE,p=AAAA', 'c=!!,r=NONCE,p=', 'r=NONCE'])(
    'the malformed final message "%s"',
    (final) => {
      const server = new ScramServer({ verifier });
      const first = server.start('SCRAM-SHA-256', Buffer.from('n,,n=,r=abc')).toString();
      const nonce = first.slice(2, first.indexOf(','));
      expect(() => server.finish(Buffer.from(final.replace('NONCE', nonce)))).toThrow(
        ProtocolError,
      );
    },
  );

  test('a proof that was made with another nonce', async () => {
    const [one, two] = [new ScramServer({ verifier }), new ScramServer({ verifier })];
    const client = new ScramClient({ credential: { password: 'pencil' } });
    const final = await client.proceed(one.start(client.mechanism, client.start()));
    two.start(client.mechanism, client.start());
    expect(() => two.finish(final)).toThrow('nonce mismatch');
  });
});

describe('the client refuses', () => {
  const proceed = (serverFirst: (nonce: string) => string) => {
    const client = new ScramClient({ credential: { password: 'x' }, nonce: 'abc' });
    client.start();
    return client.proceed(Buffer.from(serverFirst('abc')));
  };

  test.each([
    ['a nonce that is not its own', () => 'r=xyz,s=AAAA,i=4096'],
    ['a nonce without the server’s part', (nonce: string) => `r=${nonce},s=AAAA,i=4096`],
    ['years of work', (nonce: string) => `r=${nonce}1,s=AAAA,i=2000000000`],
    ['no work', (nonce: string) => `r=${nonce}1,s=AAAA,i=0`],
    ['an error', () => 'e=other-error'],
  ])('%s', async (_what, serverFirst) => {
    await expect(proceed(serverFirst)).rejects.toThrow(ProtocolError);
  });

  test('a server that does not know the verifier', async () => {
    const impostor = { ...verifier, serverKey: Buffer.alloc(32) };
    await expect(login({}, { verifier: impostor })).rejects.toThrow('could not prove');
  });
});

describe('a verifier', () => {
  test('is read and written in the form Postgres stores', async () => {
    const text = await createScramVerifier('päss', { iterations: 100 });
    expect(text).toMatch(/^SCRAM-SHA-256\$100:.{24}\$.{44}:.{44}$/);
    expect(formatScramVerifier(parseScramVerifier(text))).toBe(text);
    expect(() => parseScramVerifier('md5d41d8cd98f00b204e9800998ecf8427e')).toThrow(ProtocolError);
  });

  test('checks a password that came in plain text', async () => {
    expect(await verifyScramPassword('pencil', verifier)).toBeDefined();
    expect(await verifyScramPassword('Pencil', verifier)).toBeUndefined();
  });
});

test.each([
  ['ASCII stays', 'a b\u0007', 'a b\u0007'],
  ['compatibility forms are composed', 'ＩⅨ', 'IIX'],
  ['soft hyphens vanish', 'I\u00adX', 'IX'],
  ['odd spaces become plain', 'a\u00a0b', 'a b'],
  ['what SASLprep refuses stays as it is', 'é\u0007ⅰ', 'é\u0007ⅰ'],
])('SASLprep: %s', (_what, given, expected) => {
  expect(saslPrep(given)).toBe(expected);
});
