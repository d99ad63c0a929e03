import type { PostgresSettings } from '@pgfleet/compute';
import type { DriverName } from '@pgfleet/volume';

const settings: Readonly<Record<DriverName, PostgresSettings>> = {
  // On a copy-on-write file system a recycled or zeroed WAL segment is written twice for nothing.
  btrfs: { wal_recycle: 'off', wal_init_zero: 'off' },
  reflink: {},
  copy: {},
};

/** Postgres settings that suit a volume's driver. */
export function volumeSettings(driver: DriverName): PostgresSettings {
  return settings[driver];
}
