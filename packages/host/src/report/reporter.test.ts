import type {
  ControlClient,
  EndpointId,
  EndpointStatus,
  HostId,
  HostReport,
  TimelineId,
} from '@pgfleet/contract';
import { silentLogger, waitUntil } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { Reporter } from './reporter.ts';
import type { ReporterOptions } from './reporter.ts';

const first = 'ep-first' as EndpointId;
const second = 'ep-second' as EndpointId;

test('a report carries what has changed, and nothing twice', async () => {
  const control = new Control();
  await using reporter = openReporter(control);
  await control.until(() => control.reports.length === 1);
  reporter.changed(first);
  await control.until(() => control.reported().length === 1);
  reporter.changed(second);
  await control.until(() => control.reported().length === 2);
  expect(control.reported()).toEqual([first, second]);
});

test('what changes while control is down is reported once it is back, as it then is', async () => {
  const control = new Control();
  control.isDown = true;
  await using reporter = openReporter(control);
  for (let change = 0; change < 1000; change++) reporter.changed(first);
  reporter.changed(second);
  await control.until(() => control.attempts >= 2);
  expect(control.attempts).toBeLessThan(10);
  control.isDown = false;
  await control.until(() => control.reported().length >= 2);
  expect(control.reported()).toEqual([first, second]);
});

test('a timeline that cannot be measured keeps nothing else from being reported', async () => {
  const control = new Control();
  const measure = () => Promise.reject(new Error('no such directory'));
  await using reporter = openReporter(control, measure);
  reporter.grown('tl-gone' as TimelineId);
  reporter.changed(first);
  await control.until(() => control.reported().length === 1);
  reporter.changed(second);
  await control.until(() => control.reported().length === 2);
  expect(control.reported()).toEqual([first, second]);
});

test('a last report is sent at the end', async () => {
  const control = new Control();
  const reporter = openReporter(control);
  await control.until(() => control.reports.length === 1);
  reporter.changedSlightly(second);
  await reporter[Symbol.asyncDispose]();
  expect(control.reported()).toEqual([second]);
});

function openReporter(
  control: Control,
  measure: ReporterOptions['measure'] = async () => undefined,
): Reporter {
  return new Reporter({
    hostId: 'host-test' as HostId,
    control,
    measure,
    describe: () => ({ address: 'unix:/nowhere' }) as Omit<HostReport, 'endpoints'>,
    status: (endpointId) => ({ endpointId }) as EndpointStatus,
    log: silentLogger(),
  });
}

/** Control as a reporter sees it. */
class Control implements Pick<ControlClient, 'report'> {
  readonly reports: HostReport[] = [];
  attempts = 0;
  isDown = false;

  report = async (_host: HostId, report: HostReport): Promise<void> => {
    this.attempts++;
    if (this.isDown) throw new Error('control is down');
    this.reports.push(report);
  };

  reported(): readonly EndpointId[] {
    return this.reports.flatMap(({ endpoints }) => endpoints.map(({ endpointId }) => endpointId));
  }

  until(condition: () => boolean) {
    return waitUntil(condition, { what: 'the report', timeoutMs: 5000, intervalMs: 5 });
  }
}
