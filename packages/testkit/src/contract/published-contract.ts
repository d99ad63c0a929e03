import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { readContract } from './api-contract.ts';
import type { ApiContract, OpenApi } from './api-contract.ts';

let known: ApiContract | undefined;

/**
 * The contract as Neon published it: read from `node_modules`, where its client brings it, never
 * copied. Read at the first use, so that programs that only start platforms do not wait.
 */
export function publishedContract(): ApiContract {
  known ??= readContract(parse(readFileSync(publishedFile(), 'utf8')) as OpenApi);
  return known;
}

function publishedFile(): string {
  const require = createRequire(import.meta.url);
  const directory = dirname(require.resolve('@neondatabase/api-client/package.json'));
  return join(directory, 'public-v2-for-users.gen.yaml');
}
