import type { ServerResponse } from 'node:http';

/** Aborts with `reason` when whoever asked goes away before the answer was written. */
export function hangUpSignal(response: ServerResponse, reason: () => Error): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(reason());
  });
  return gone.signal;
}
