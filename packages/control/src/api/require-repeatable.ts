import type { FastifyRequest } from 'fastify';
import { requireOrganization } from '../domain/principal.ts';
import type { Database } from '../store/database.ts';
import { requireProjectAccess } from '../store/projects.ts';
import { principalOf } from './authenticate.ts';

/** What a request or its answer says about whose it is. */
interface Owned {
  readonly project_id?: string;
  readonly org_id?: string;
  readonly source_org_id?: string;
}

/**
 * Refuses to repeat an answer to somebody who may not make such a change any more: it may hold
 * passwords, and what it shows may be read anew. That a project was deleted meanwhile is no reason.
 *
 * @throws PgfleetError `project_not_found`, `organization_not_found`, `forbidden`, `outside_key_scope`.
 */
export async function requireRepeatable(
  db: Database,
  request: FastifyRequest,
  answer: unknown,
): Promise<void> {
  const principal = principalOf(request);
  const { org_id, source_org_id, ...params } = request.params as Owned;
  const organizationId = org_id ?? source_org_id;
  if (organizationId !== undefined) requireOrganization(principal, organizationId, 'manage');
  const projectId = params.project_id ?? projectIn(answer);
  if (projectId === undefined) return;
  await requireProjectAccess(db, projectId, { ...principal, right: 'edit' });
}

// What makes a project has no path that names it.
function projectIn(answer: unknown): string | undefined {
  const { project } = (answer ?? {}) as { readonly project?: { readonly id: string } };
  return project?.id;
}
