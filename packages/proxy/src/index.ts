export { ProxyConfig } from './config.ts';
export { openProxy, type ProxyParts } from './proxy.ts';
export type { ProxyServer } from './proxy-server.ts';
