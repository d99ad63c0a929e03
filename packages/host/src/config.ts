import type { HostId } from '@pgfleet/contract';
import { idPattern } from '@pgfleet/contract';
import { Type } from 'typebox';
import type { Static } from 'typebox';

const optionalText = Type.Optional(Type.String());

/** The environment variables of a host process. */
export const HostConfig = Type.Object({
  PGFLEET_DATA_DIR: Type.String({ description: 'absolute; root of all state of the platform' }),
  PGFLEET_LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
  }),
  PGFLEET_INTERNAL_TOKEN_FILE: Type.String(),
  PGFLEET_CONTROL_ADDRESS: Type.Optional(
    Type.String({ description: 'control that is reported to; a host without one reports nothing' }),
  ),
  PGFLEET_MASTER_KEY: optionalText,
  PGFLEET_MASTER_KEY_FILE: optionalText,
  PGFLEET_HOST_ID: Type.Unsafe<HostId>(Type.String({ pattern: idPattern })),
  PGFLEET_REGION: Type.String(),
  PGFLEET_HOST_DIR: Type.String({ description: 'absolute; everything this host keeps' }),
  PGFLEET_HOST_ADDRESS: Type.String({ description: '`unix:/path` or `http://address:port`' }),
  PGFLEET_RUN_DIR: Type.String({ description: "short; computes' sockets go below" }),
  PGFLEET_VOLUME: Type.Enum(['auto', 'btrfs', 'reflink', 'copy'], { default: 'auto' }),
  PGFLEET_SPARE_CLONES: Type.Integer({ minimum: 0, maximum: 64, default: 4 }),
});
export type HostConfig = Static<typeof HostConfig>;
