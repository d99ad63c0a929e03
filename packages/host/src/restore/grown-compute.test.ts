import { newBranchId, newEndpointId, newTimelineId } from '@pgfleet/contract';
import { createLogger } from '@pgfleet/kit';
import { expect, test } from 'vitest';
import { sharedTestHost } from '../shared-test-host.ts';
import { queryValue, startTenant } from '../test-host.ts';

const region = 'aws-us-east-2';
const lines: string[] = [];
const log = createLogger({
  process: 'host',
  level: 'info',
  destination: { write: (line) => void lines.push(line) },
});
const { host } = sharedTestHost({ volume: 'auto', log });

test('a branch is recovered by its launch through the time of larger computes', async () => {
  const parent = await startTenant(host);
  const { endpointId } = parent;
  await queryValue(parent.socketPath, 'CREATE TABLE notes (max_cu float)');
  for (const [index, maxCu] of [1, 2, 0.25].entries()) {
    await host.suspend(endpointId);
    await host.putEndpoint({ ...parent.endpoint, maxCu, generation: index + 2 });
    const { socketPath } = await host.start(endpointId);
    await queryValue(socketPath, `INSERT INTO notes VALUES (${maxCu})`);
  }
  const { at } = await host.resolvePoint(parent.timeline.timelineId, { kind: 'head' });
  const ids = { branchId: newBranchId(region), timelineId: newTimelineId() };
  await host.putTimeline({
    ...parent.timeline,
    ...ids,
    source: { kind: 'timeline', timelineId: parent.timeline.timelineId, at },
    initial: { roles: [], databases: [] },
    opensAtOnce: true,
  });
  const branch = { ...parent.endpoint, ...ids, endpointId: newEndpointId(region) };
  await host.putEndpoint(branch);
  const { socketPath } = await host.start(branch.endpointId);
  expect(await queryValue(socketPath, 'SELECT count(*) FROM notes')).toBe('3');
  const messages = lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg);
  expect(messages).toContain('timeline made');
  expect(messages.filter((message) => message.includes('before its first launch'))).toEqual([]);
});
