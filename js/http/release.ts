// Gives the slots of an admitted request back once its response has closed.

import type { ServerResponse } from 'node:http';
import type { Holder } from '../limiter/types.js';
import { whenClosed } from './close.js';

/** Releases the slots when the response closes, or at once if it has; never before. */
export function releaseWhenClosed(holder: Holder, response: ServerResponse): void {
  whenClosed(response, async () => {
    try {
      await holder.release();
    } catch {
      // The store does not answer, which it says elsewhere. The slots free themselves after their ttl.
    }
  });
}
