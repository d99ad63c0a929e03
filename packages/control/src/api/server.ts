import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { PgfleetError } from '@pgfleet/contract';
import type { ErrorBody } from '@pgfleet/contract';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { appendAuditEntry } from '../store/audit-log.ts';
import type { ApiContext, ApiOptions } from './api-context.ts';
import { authenticate } from './authenticate.ts';
import { answerBrokenRequest } from './broken-request.ts';
import { describeError } from './describe-error.ts';
import { tagObjects } from './etag.ts';
import { healthRoutes } from './health.ts';
import { auditEntry } from './mutation.ts';
import { OperationWaits } from './operation-waits.ts';
import { refuseOthers } from './other-methods.ts';
import { limitRates } from './rate-limiter.ts';
import { accountRoutes } from './routes/accounts.ts';
import { advisorsRoute } from './routes/advisors.ts';
import { anonymizedBranchRoutes } from './routes/anonymized-branches.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { backupScheduleRoutes } from './routes/backup-schedules.ts';
import { branchContentRoutes } from './routes/branch-content.ts';
import { changeDatabaseRoutes } from './routes/change-databases.ts';
import { changeRoleRoutes } from './routes/change-roles.ts';
import { branchSchemaRoutes } from './routes/branch-schema.ts';
import { branchRoutes } from './routes/branches.ts';
import { changeBranchRoutes } from './routes/change-branch.ts';
import { changeProjectRoutes } from './routes/change-project.ts';
import { connectionUriRoute } from './routes/connection-uri.ts';
import { consumptionRoutes } from './routes/consumption.ts';
import { createBranchRoute } from './routes/create-branch.ts';
import { deleteProjectRoutes } from './routes/delete-project.ts';
import { documentRoutes } from './routes/document.ts';
import { endpointLifeRoutes } from './routes/endpoint-life.ts';
import { createProjectRoute } from './routes/create-project.ts';
import { deleteBranchRoutes } from './routes/delete-branch.ts';
import { endpointRoutes } from './routes/endpoints.ts';
import { jwksRoutes } from './routes/jwks.ts';
import { operationRoutes } from './routes/operations.ts';
import { operatorRoutes } from './routes/operator.ts';
import { organizationRoutes } from './routes/organizations.ts';
import { permissionRoutes } from './routes/permissions.ts';
import { projectRoutes } from './routes/projects.ts';
import { restoreDrillRoutes } from './routes/restore-drills.ts';
import { restoreBranchRoute } from './routes/restore-branch.ts';
import { restoreSnapshotRoutes } from './routes/restore-snapshot.ts';
import { snapshotRoutes } from './routes/snapshots.ts';
import { transferRequestRoutes } from './routes/transfers.ts';
import { unimplementedRoutes } from './routes/unimplemented.ts';
import { RunningCalls } from './running-calls.ts';
import { acceptJson, compileValidator, requireStorableText } from './validation.ts';

const MAX_BODY_BYTES = 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
/** Percent-encoded, a role's name of 63 bytes is this long. */
const MAX_PARAM_LENGTH = 63 * 3;

/** Builds the server of the public API: `/api/v2` with its description, `/healthz` and `/metrics`. */
export function createApi(options: ApiOptions): FastifyInstance {
  const { log } = options;
  const waits = new OperationWaits(options);
  const context: ApiContext = { ...options, waits, calls: new RunningCalls() };
  const app = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    genReqId: requestId,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => {
      void (reply as FastifyReply).send(describeError(error, { request, reply, log }));
    },
  });
  app.decorateRequest('principal', null);
  app.setValidatorCompiler(compileValidator);
  app.setErrorHandler((error, request, reply) => answerError(error, { request, reply }, context));
  app.setNotFoundHandler((_request, _reply) => Promise.reject(new PgfleetError('not_found')));
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-neon-ret-request-id', request.id);
  });
  app.addHook('preClose', async () => waits[Symbol.dispose]());
  acceptJson(app);
  healthRoutes(app, context);
  documentRoutes(app);
  void app.register((api) => apiRoutes(api, context), { prefix: '/api/v2' });
  return app;
}

async function apiRoutes(api: FastifyInstance, context: ApiContext): Promise<void> {
  api.addHook('onRequest', (request) => authenticate(request, context.db));
  limitRates(api, context);
  tagObjects(api);
  // After validation, which has dropped what no schema knows and so has bounded the depth.
  api.addHook('preHandler', async ({ body, query, params }) => {
    for (const part of [body, query, params]) requireStorableText(part);
  });
  const refuse = refuseOthers(api);
  createProjectRoute(api, context);
  projectRoutes(api, context);
  changeProjectRoutes(api, context);
  deleteProjectRoutes(api, context);
  connectionUriRoute(api, context);
  advisorsRoute(api, context);
  permissionRoutes(api, context);
  transferRequestRoutes(api, context);
  jwksRoutes(api, context);
  branchRoutes(api, context);
  createBranchRoute(api, context);
  anonymizedBranchRoutes(api, context);
  changeBranchRoutes(api, context);
  deleteBranchRoutes(api, context);
  restoreBranchRoute(api, context);
  branchContentRoutes(api, context);
  changeRoleRoutes(api, context);
  changeDatabaseRoutes(api, context);
  branchSchemaRoutes(api, context);
  endpointRoutes(api, context);
  endpointLifeRoutes(api, context);
  snapshotRoutes(api, context);
  restoreSnapshotRoutes(api, context);
  backupScheduleRoutes(api, context);
  restoreDrillRoutes(api, context);
  operationRoutes(api, context);
  consumptionRoutes(api, context);
  accountRoutes(api, context);
  apiKeyRoutes(api, context);
  organizationRoutes(api, context);
  operatorRoutes(api, context);
  unimplementedRoutes(api);
  // Here too, so that strangers learn nothing about which addresses there are.
  api.setNotFoundHandler(refuse);
}

// What headers, logs and the audit log hold as it is, and what comes back as it was sent.
const printableId = /^[!-~]([ -~]{0,254}[!-~])?$/;

// A client may name its request.
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && printableId.test(given) ? given : randomUUID();
}

// What a known caller was refused is audited like what was done; reading is not.
async function answerError(
  error: unknown,
  http: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  context: ApiContext,
): Promise<ErrorBody> {
  const body = describeError(error, { ...http, log: context.log });
  const { principal, method } = http.request;
  const isChange = method !== 'GET' && method !== 'HEAD';
  // Who asks too often must not make the log grow by it.
  const isFlood = http.reply.statusCode === 429;
  if (principal && isChange && !isFlood) await auditRefusal(http, context);
  return body;
}

async function auditRefusal(
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  { db, log }: ApiContext,
): Promise<void> {
  try {
    await appendAuditEntry(db, auditEntry(request, reply.statusCode));
  } catch (error) {
    log.error({ err: error, request_id: request.id }, 'refused request could not be audited');
  }
}
