export * from './free-port.ts';
export * from './leaks.ts';
export * from './log-lines.ts';
export * from './platform.ts';
export * from './postgres-programs.ts';
export * from './psql.ts';
export * from './sql-client.ts';
