/**
 * The peer sent bytes that the protocol does not allow.
 *
 * `message` says what was wrong without quoting the peer's bytes, so it may be shown to anyone;
 * `sqlstate` is the code an `ErrorResponse` for it should carry.
 */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly sqlstate: string;

  constructor(message: string, sqlstate = '08P01') {
    super(message);
    this.sqlstate = sqlstate;
  }
}
