import { ProtocolError } from '../protocol-error.ts';

export const scramMechanism = 'SCRAM-SHA-256';
export const scramPlusMechanism = 'SCRAM-SHA-256-PLUS';
export const channelBindingType = 'tls-server-end-point';

/** Nonces are printable ASCII without a comma (RFC 5802 § 7). */
export const noncePattern = /^[\x21-\x2b\x2d-\x7e]{1,1024}$/;

/**
 * Splits `a=1,b=2` into its attributes and checks that they start with `names` in this order.
 * Attributes after those are extensions, which RFC 5802 tells us to ignore.
 */
export function readAttributes(message: string, names: string): string[] {
  const parts = message.split(',');
  return Array.from(names, (name, index) => {
    const part = parts[index];
    if (!part?.startsWith(`${name}=`)) throw malformedScram();
    return part.slice(2);
  });
}

/** Strict base64: Node would skip what does not belong. */
export function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw malformedScram();
  return bytes;
}

export function malformedScram(): ProtocolError {
  return new ProtocolError('malformed SCRAM message');
}
