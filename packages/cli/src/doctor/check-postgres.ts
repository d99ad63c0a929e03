import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  detectLimits,
  detectSandbox,
  ensureInstallationView,
  findInstallations,
} from '@pgfleet/compute';
import type { PostgresInstallation } from '@pgfleet/compute';
import type { Finding } from './finding.ts';
import type { PlatformState } from './platform-state.ts';

/** Which Postgres versions there are, and how their instances would be kept apart and limited. */
export async function checkPostgres(state: PlatformState): Promise<readonly Finding[]> {
  const installations = await findInstallations();
  const [first] = installations;
  if (!first) {
    const advice = 'run npm ci again without --omit=optional, or install a distribution package';
    return [{ check: 'postgres', verdict: 'problem', message: 'no installation found', advice }];
  }
  return [...installations.map(describe), await checkSandbox(state, first), checkLimits()];
}

function describe({ major, version, source, binDir, hasPgDump }: PostgresInstallation): Finding {
  const dump = hasPgDump ? '' : ', without pg_dump';
  const message = `Postgres ${major}: ${version} from ${source} (${binDir}${dump})`;
  return { check: 'postgres', verdict: 'good', message };
}

async function checkSandbox(
  { exists, paths }: PlatformState,
  installation: PostgresInstallation,
): Promise<Finding> {
  const directory = exists ? paths.dataDir : await mkdtemp(join(tmpdir(), 'pgfleet-doctor-'));
  try {
    const view = await ensureInstallationView(installation, join(directory, 'postgres'));
    const { level, probes } = await detectSandbox({ view, directory });
    const protections = probes.find((probe) => probe.level === level)?.protections ?? [];
    const message = `${level}: protects ${protections.join(', ') || 'nothing'}`;
    const advice = probes.find((probe) => !probe.works)?.advice;
    if (level === 'bwrap' || advice === undefined) {
      return { check: 'sandbox', verdict: 'good', message };
    }
    return { check: 'sandbox', verdict: level === 'none' ? 'problem' : 'note', message, advice };
  } finally {
    if (!exists) await rm(directory, { recursive: true, force: true });
  }
}

function checkLimits(): Finding {
  const { version, cpu, memory, pids, advice } = detectLimits();
  const kinds = Object.entries({ cpu, memory, pids });
  const works = kinds.filter(([, on]) => on).map(([kind]) => kind);
  const message = works.length > 0 ? `cgroup ${version}: ${works.join(', ')}` : 'none';
  const verdict = works.length === kinds.length ? 'good' : 'note';
  return { check: 'limits', verdict, message, ...(advice === undefined ? {} : { advice }) };
}
