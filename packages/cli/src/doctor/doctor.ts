import type { PlatformConfig } from '../config.ts';
import { platformPaths } from '../platform-paths.ts';
import { checkLeftovers } from './check-leftovers.ts';
import { checkNames } from './check-names.ts';
import { checkNode } from './check-node.ts';
import { checkPgDump } from './check-pg-dump.ts';
import { checkPorts } from './check-ports.ts';
import { checkPostgres } from './check-postgres.ts';
import { checkVolume } from './check-volume.ts';
import { describePlatform } from './platform-state.ts';
import type { Check, DoctorReport, Finding } from './finding.ts';
import type { PlatformState } from './platform-state.ts';

const checks: Readonly<Record<string, Check<PlatformState>>> = {
  node: checkNode,
  volume: checkVolume,
  postgres: checkPostgres,
  pg_dump: checkPgDump,
  ports: checkPorts,
  names: checkNames,
  leftovers: checkLeftovers,
};

/** Looks at the machine and at what an earlier run left; changes nothing that is pgfleet's. */
export async function doctor(config: PlatformConfig): Promise<DoctorReport> {
  const state = describePlatform(config, platformPaths(config.dataDir));
  const findings: Finding[] = [];
  for (const [name, check] of Object.entries(checks)) {
    findings.push(...(await check(state).catch((error: unknown) => [brokenCheck(name, error)])));
  }
  return { healthy: !findings.some(({ verdict }) => verdict === 'problem'), findings };
}

function brokenCheck(check: string, error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error);
  return { check, verdict: 'problem', message: `could not be looked at: ${message}` };
}
