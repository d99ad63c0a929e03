import type { Fleet } from '@pgfleet/testkit';
import { saveHost } from '../../store/hosts.ts';
import type { TestControl } from '../test-control.ts';
import { changeAccounts } from './change-accounts.ts';
import { changeProject } from './change-project.ts';
import { doChores } from './do-chores.ts';
import { readEverything } from './read-everything.ts';
import { runBehind } from './run-behind.ts';
import { Tourist } from './tourist.ts';

/**
 * Does everything once that control does, in a fleet: every list with every filter, every change,
 * what hosts and proxies ask, operations, chores. It is about which statements run, not about what
 * is answered; but nothing may be refused.
 */
export async function tourFleet(control: TestControl, fleet: Fleet): Promise<void> {
  await saveHost(control.db, control.host.report());
  const tourist = new Tourist(control, fleet);
  const created = await tourist.createProject();
  await tourist.settled(created.project.id);
  await readEverything(tourist, created);
  await changeAccounts(tourist, created);
  await runBehind(tourist, created);
  await changeProject(tourist, created);
  await doChores(tourist, created.project.id);
}
