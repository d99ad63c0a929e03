import type { Operation } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import type { Platform } from '@pgfleet/testkit';

export interface Call {
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

/** Calls the API. @throws Error when it refuses. */
export async function call<Body>(platform: Platform, { method, path, body }: Call): Promise<Body> {
  const answer = await platform.api<Body>(method, path, body);
  if (answer.status < 300) return answer.body;
  throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

/** Waits for the end of some operations. @throws Error when one of them failed. */
export async function finished(
  platform: Platform,
  operations: readonly Operation[],
): Promise<void> {
  for (const { id, project_id, action } of operations) {
    await waitUntil(
      async () => {
        const path = `/projects/${project_id}/operations/${id}`;
        const { status, error } = (await platform.api<{ operation: Operation }>('GET', path)).body
          .operation;
        if (status === 'failed') throw new Error(`${action} failed: ${error}`);
        return status === 'finished';
      },
      { what: `${action} to finish`, timeoutMs: 120_000, intervalMs: 50 },
    );
  }
}
