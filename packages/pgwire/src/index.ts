export * as backend from './backend.ts';
export type {
  CopyResponse,
  FieldDescription,
  TransactionStatus,
} from './backend.ts';
export type { Authentication } from './authentication.ts';
export type { Codec, Signal } from './codec.ts';
export type { ErrorFields } from './error-response.ts';
export {
  clientLimits,
  type Frame,
  type FrameLimits,
  FrameSplitter,
  loginLimits,
  serverLimits,
} from './frame-splitter.ts';
export * as frontend from './frontend.ts';
export type { Bind, Target } from './frontend.ts';
export {
  cancelRequest,
  gssencRequest,
  isTlsHandshake,
  maxPreambleBytes,
  type Preamble,
  readPreamble,
  sslRequest,
  startupMessage,
} from './preamble.ts';
export { ProtocolError } from './protocol-error.ts';
export { tlsServerEndPoint } from './scram/channel-binding.ts';
export { ScramClient, type ScramClientOptions } from './scram/scram-client.ts';
export type { ScramKeys } from './scram/scram-keys.ts';
export { scramMechanism, scramPlusMechanism } from './scram/scram-message.ts';
export { type ScramOutcome, ScramServer, type ScramServerOptions } from './scram/scram-server.ts';
export {
  createScramVerifier,
  formatScramVerifier,
  mockScramVerifier,
  parseScramVerifier,
  type ScramVerifier,
  verifyScramPassword,
} from './scram/scram-verifier.ts';
export { joinStartupOptions, splitStartupOptions } from './startup-options.ts';
