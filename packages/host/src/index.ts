export { HostConfig } from './config.ts';
export { type Host, openHost } from './host.ts';
export type { HostOptions } from './host-options.ts';
