import { querySettings } from './query-settings.ts';
import { serverSettings } from './server-settings.ts';
import type { SettingShape } from './setting-shape.ts';

/** Every setting of Postgres and of its own extensions whose values pgfleet knows and leaves to tenants. */
export const tenantSettings: Readonly<Record<string, SettingShape>> = {
  ...querySettings,
  ...serverSettings,
};

/** Whether a major version has a setting. */
export function isIn(
  { since = 0, until = Number.POSITIVE_INFINITY }: SettingShape,
  pgMajor: number,
): boolean {
  return pgMajor >= since && pgMajor <= until;
}
