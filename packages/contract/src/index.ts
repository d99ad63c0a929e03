export * from './errors.ts';
export * from './ids.ts';
export * from './internal/control-api.ts';
export * from './internal/host-api.ts';
export * from './internal/rpc.ts';
export * from './states.ts';
