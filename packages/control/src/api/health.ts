import { sql } from 'kysely';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from './api-context.ts';
import { collectMetrics } from './metrics.ts';

/** `GET /healthz` and `GET /metrics`, for supervisors and Prometheus; neither asks for a key. */
export function healthRoutes(app: FastifyInstance, { db }: ApiContext): void {
  app.get('/healthz', async () => {
    await sql`select 1`.execute(db);
    return { status: 'ok' };
  });

  app.get('/metrics', async (_request, reply) => {
    reply.type('text/plain; version=0.0.4; charset=utf-8');
    return collectMetrics(db);
  });
}
