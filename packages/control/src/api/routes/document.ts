import { readFileSync } from 'node:fs';
import { apiOperationGroups, openApiDocument } from '@pgfleet/contract';
import type { FastifyInstance } from 'fastify';
import { documentPage } from '../document/document-page.ts';

/** The description of the API, for programs and for people; neither asks for a key. */
export function documentRoutes(app: FastifyInstance): void {
  const document = openApiDocument(apiOperationGroups, packageVersion());
  const json = JSON.stringify(document);
  const page = documentPage(document);

  app.get('/api/v2/openapi.json', (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(json),
  );

  app.get('/api/v2/docs', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(page),
  );
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
