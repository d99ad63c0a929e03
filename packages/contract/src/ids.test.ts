import { expect, test } from 'vitest';
import { idPattern, newBranchId, newEndpointId, newProjectId, newTimelineId } from './ids.ts';

test('ids have the forms that clients of the contract know', () => {
  expect(newProjectId()).toMatch(/^[a-z]+-[a-z]+-\d{8}$/);
  expect(newBranchId('aws-us-east-2')).toMatch(/^br-[a-z]+-[a-z]+-[a-z]\d[a-z0-9]{6}$/);
  expect(newEndpointId('aws-us-east-2')).toMatch(/^ep-[a-z]+-[a-z]+-[a-z]\d[a-z0-9]{6}$/);
  expect(newTimelineId()).toMatch(/^tl-[a-z0-9]{20}$/);
});

test('every id fits a path of the contract, and ids do not repeat', () => {
  const ids = Array.from({ length: 2000 }, () => newEndpointId('azure-eastus2'));
  for (const id of ids) expect(id).toMatch(new RegExp(idPattern));
  expect(new Set(ids).size).toBe(ids.length);
});
