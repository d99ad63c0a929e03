export * from './open-volume.ts';
export * from './probe-volume.ts';
export * from './volume.ts';
export * from './volume-error.ts';
