#!/usr/bin/env node
import { Command } from 'commander';
import { ConfigError } from '@pgfleet/kit';
import { readPlatformConfig } from './config.ts';
import { adminKeyPath, createApiKey } from './keys.ts';
import { doctor } from './doctor/doctor.ts';
import { renderReport } from './doctor/render-report.ts';
import { runUp } from './run-up.ts';
import { StartError } from './start-error.ts';
import { renderDrill, verify } from './verify.ts';
import type { VerifyOptions } from './verify.ts';

const program = new Command('pgfleet').description(
  'Every tenant a Postgres of its own. Settings are environment variables (PGFLEET_…).',
);

program
  .command('up')
  .description('run the whole platform on this machine, in the foreground')
  .action(async () => {
    await runUp(readPlatformConfig(process.env), process.env);
  });

program
  .command('doctor')
  .description('say what this machine offers, what is missing and what was left behind')
  .option('--json', 'one JSON object instead of text', false)
  .action(async ({ json }: { readonly json: boolean }) => {
    const report = await doctor(readPlatformConfig(process.env));
    console.log(json ? JSON.stringify(report, null, 2) : renderReport(report));
    process.exitCode = report.healthy ? 0 : 1;
  });

program
  .command('verify')
  .description(
    'restore a branch to a random point in a compute that is thrown away, and read it all',
  )
  .argument('<project>', 'id of the project')
  .option('--branch <name>', 'name or id; the default branch when left out')
  .option('--timestamp <time>', 'RFC 3339; the point to restore to')
  .option('--lsn <lsn>', 'the point to restore to')
  .option('--json', 'one JSON object instead of text', false)
  .action(async (project: string, { json, ...options }: VerifyOptions & { json: boolean }) => {
    const drill = await verify(readPlatformConfig(process.env), project, options);
    console.log(json ? JSON.stringify(drill, null, 2) : renderDrill(drill));
    process.exitCode = drill.good ? 0 : 1;
  });

const keys = program.command('keys').description('the API keys of this platform');

keys
  .command('path', { isDefault: true })
  .description('print the path of the file with the first API key')
  .action(() => {
    console.log(adminKeyPath(readPlatformConfig(process.env)));
  });

keys
  .command('create')
  .description('create an API key and print it, this once')
  .argument('<name>', 'what the key is for')
  .action(async (name: string) => {
    console.log(await createApiKey(readPlatformConfig(process.env), name));
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof StartError || error instanceof ConfigError)) throw error;
  for (const line of error.message.split('\n')) console.error(`pgfleet: ${line}`);
  process.exit(1);
}
