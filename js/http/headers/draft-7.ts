// The header fields of draft 7 of the IETF's RateLimit headers: `RateLimit` is one dictionary, not a list.

import type { Decision } from '../../limiter/types.js';
import { type Quota, quotaIsKnown, resetSeconds, windowSeconds } from './quota.js';

/**
 * `RateLimit-Policy` of draft 7: the limit and window of every policy, in the given order, without names. Every item
 * needs a window, so a concurrency limit is left out; '' if nothing else is there.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-07.html
 *
 * @param quotas by name
 */
export function draft7PolicyField(quotas: Readonly<Record<string, Quota>>): string {
  return Object.values(quotas)
    .filter(({ algorithm }) => algorithm !== 'concurrency')
    .map((quota) => `${quota.limit};w=${windowSeconds(quota)}`)
    .join(', ');
}

/**
 * `RateLimit` of draft 7: the numbers of the binding policy. `undefined` when they are unknown. `reset` is the time until
 * the whole quota is back, in seconds rounded up, and on a denial never later than `Retry-After`.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-07.html
 *
 * @param retryAfter the `Retry-After` of the response, in seconds; `undefined` if it has none
 */
export function draft7LimitField(decision: Decision, retryAfter?: number): string | undefined {
  if (!quotaIsKnown(decision)) return undefined;
  const reset = resetSeconds(decision, retryAfter);
  return `limit=${decision.limit}, remaining=${decision.remaining}, reset=${reset}`;
}
