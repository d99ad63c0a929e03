export { readPlatformConfig } from './config.ts';
export type { PlatformConfig } from './config.ts';
