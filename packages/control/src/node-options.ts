/**
 * What Node is to run control with. The objects of one answer of a thousand rows fill the usual young
 * generation several times over, and what of them is still in use is copied each time: with room for
 * an answer, collecting costs half of what it did.
 */
export const nodeOptions: readonly string[] = ['--max-semi-space-size=64'];
