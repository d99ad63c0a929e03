import { chmodSync, rmSync } from 'node:fs';
import { PgfleetError } from '@pgfleet/contract';
import { equalInConstantTime } from '@pgfleet/kit';
import type { Logger } from '@pgfleet/kit';
import Fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { toHostError } from '../host-error.ts';
import { addRoutes } from './routes.ts';
import type { HostServices } from './routes.ts';

export interface ServerOptions {
  /** `unix:/path` or `http://address:port`. */
  readonly address: string;
  readonly token: string;
  readonly services: HostServices;
  readonly log: Logger;
}

// A report of 10,000 endpoints, or 500 roles with long names, fit.
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** Serves the host API of the contract; resolves when it listens. */
export async function serve(options: ServerOptions): Promise<FastifyInstance> {
  const app = Fastify({ bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });
  app.setValidatorCompiler(({ schema }) => validatorOf(schema as TSchema));
  app.addHook('onRequest', authenticate(options.token));
  app.setNotFoundHandler((_request, reply) => sendError(reply, new PgfleetError('not_found')));
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const known = translate(error);
    if (known.entry.kind === 'internal') logUnknown(options.log, request, error);
    return sendError(reply, known);
  });
  addRoutes(app, options.services);
  await listen(app, options.address);
  return app;
}

function validatorOf(schema: TSchema) {
  const validator = Compile(schema);
  return (value: unknown) => {
    if (validator.Check(value)) return { value };
    const [first] = validator.Errors(value);
    return { error: new Error(`${first?.instancePath ?? ''} ${first?.message ?? 'is wrong'}`) };
  };
}

function authenticate(token: string) {
  const expected = `Bearer ${token}`;
  return async ({ headers: { authorization } }: FastifyRequest): Promise<void> => {
    if (authorization !== undefined && equalInConstantTime(authorization, expected)) return;
    throw new PgfleetError('unauthenticated');
  };
}

function translate(error: FastifyError): PgfleetError {
  if (error.validation) return new PgfleetError('invalid_request', { message: error.message });
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new PgfleetError('body_too_large');
  const isBadRequest = error.statusCode !== undefined && error.statusCode < 500;
  if (isBadRequest) return new PgfleetError('invalid_request', { message: error.message });
  return toHostError(error);
}

function sendError(reply: FastifyReply, { code, message, entry }: PgfleetError): FastifyReply {
  return reply.code(entry.http).send({ code, message });
}

function logUnknown(log: Logger, { method, routeOptions, id }: FastifyRequest, error: Error): void {
  log.error({ err: error, method, route: routeOptions.url, request_id: id }, 'request failed');
}

async function listen(app: FastifyInstance, address: string): Promise<void> {
  if (address.startsWith('unix:')) {
    const path = address.slice('unix:'.length);
    // The host's lock is held, so a socket that is there is a dead one's.
    rmSync(path, { force: true });
    await app.listen({ path });
    chmodSync(path, 0o600);
    return;
  }
  const { hostname, port } = new URL(address);
  await app.listen({ host: hostname, port: Number(port) });
}
