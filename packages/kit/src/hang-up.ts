import type { ServerResponse } from 'node:http';

/** Aborts with `reason` when whoever asked goes away, or has gone, before the answer was written. */
export function hangUpSignal(response: ServerResponse, reason: () => Error): AbortSignal {
  const gone = new AbortController();
  const leave = () => {
    if (!response.writableFinished) gone.abort(reason());
  };
  if (response.destroyed) leave();
  else response.once('close', leave);
  return gone.signal;
}
