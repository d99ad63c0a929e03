import type { BranchId, ProjectId, RestoreDrill } from '@pgfleet/contract';
import type { PlatformConfig } from './config.ts';
import { callPlatform } from './platform-api.ts';

export interface VerifyOptions {
  /** The default branch when left out. */
  readonly branch?: string;
  readonly lsn?: string;
  readonly timestamp?: string;
}

interface BranchListed {
  readonly id: BranchId;
  readonly name: string;
  readonly default: boolean;
}

/**
 * Restores a branch to a point, a random one unless given, in a compute that is thrown away, and
 * reads all of it. The result is kept with the project's drills.
 *
 * @throws StartError when the platform does not answer, or knows no such project or branch.
 */
export async function verify(
  config: PlatformConfig,
  projectId: string,
  { branch, ...point }: VerifyOptions,
): Promise<RestoreDrill> {
  const branchId = await findBranch(config, projectId as ProjectId, branch);
  const { restore_drill: drill } = await callPlatform<{ readonly restore_drill: RestoreDrill }>(
    config,
    {
      method: 'POST',
      path: `/pgfleet/projects/${projectId}/branches/${branchId}/verify`,
      body: point,
    },
  );
  return drill;
}

async function findBranch(
  config: PlatformConfig,
  projectId: ProjectId,
  wanted: string | undefined,
): Promise<string> {
  const { branches } = await callPlatform<{ readonly branches: readonly BranchListed[] }>(config, {
    method: 'GET',
    path: `/projects/${encodeURIComponent(projectId)}/branches`,
  });
  const found = branches.find((branch) =>
    wanted === undefined ? branch.default : branch.id === wanted || branch.name === wanted,
  );
  // The API says what is wrong with a branch that is not in the list.
  return found?.id ?? encodeURIComponent(wanted ?? 'none');
}

/** A drill in words, for a person. */
export function renderDrill(drill: RestoreDrill): string {
  const lines = [
    `branch ${drill.branch_id} as of ${drill.timestamp ?? drill.lsn ?? 'now'}: ${drill.good ? 'good' : 'NOT good'}`,
    ...(drill.restore_ms === undefined
      ? []
      : [
          `restored in ${Math.round(drill.restore_ms)} ms to LSN ${drill.lsn}`,
          `read ${drill.rows} rows in ${drill.relations} tables and indexes of ${drill.databases} databases, ` +
            `${drill.amcheck ? 'with' : 'without'} amcheck` +
            (drill.compared ? ', and counted them in a second copy' : ''),
          `the newest restorable commit was ${drill.recovery_point_seconds} s behind the head`,
        ]),
    ...drill.problems.map((problem) => `problem: ${problem}`),
  ];
  return lines.join('\n');
}
