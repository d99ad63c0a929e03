/**
 * Why `up` cannot run, in words for the person who called it: printed as one line, without a
 * stack, with exit code 1. Anything else that is thrown is a defect.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
}
