import { expect, test } from 'vitest';
import { regionInfo } from './regions.ts';

test('a region that nobody knows is named by its id, and its position is empty', () => {
  expect(regionInfo('cellar-1', false)).toEqual({
    region_id: 'cellar-1',
    name: 'cellar-1',
    default: false,
    geo_lat: '',
    geo_long: '',
  });
});
