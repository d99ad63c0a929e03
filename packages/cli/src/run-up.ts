import { runProcess } from '@pgfleet/kit';
import type { PlatformConfig } from './config.ts';
import { platformPaths } from './platform-paths.ts';
import { claimDataDirectory, layOutDataDirectory } from './prepare/data-directory.ts';
import { ensureSecrets } from './prepare/secrets.ts';
import { openLog, showLogs } from './start/logging.ts';
import { StartError } from './start-error.ts';
import { ProcessRecords } from './supervise/process-records.ts';
import { processNames, up } from './up.ts';

/**
 * The foreground process behind `pgfleet up`: prepares the data directory, starts everything and
 * stays until a signal, or a process that cannot be kept running, ends it.
 *
 * @throws StartError while nothing has been started yet.
 */
export async function runUp(config: PlatformConfig, env: NodeJS.ProcessEnv): Promise<void> {
  const paths = platformPaths(config.dataDir);
  const lock = claimDataDirectory(paths);
  layOutDataDirectory(paths);
  ensureSecrets(config, paths);
  const log = openLog(config, paths);
  const records = ProcessRecords.open(paths.processRecords);
  const context = { config, paths, records, log, env };

  await runProcess(log, async (shutdown) => {
    const followers = showLogs(paths, processNames(config));
    process.on('exit', () => {
      for (const follower of followers) follower[Symbol.dispose]();
      lock.release();
    });
    let hasGivenUp = false;
    const giveUp = async (error: StartError): Promise<void> => {
      if (hasGivenUp) return;
      hasGivenUp = true;
      process.stderr.write(`pgfleet: ${error.message}\n`);
      await shutdown.run();
      process.exit(1);
    };
    const onGiveUp = (error: StartError) => void giveUp(error);
    try {
      process.stdout.write(`${await up({ context, shutdown, onGiveUp })}\n`);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      await giveUp(error);
    }
  });
}
