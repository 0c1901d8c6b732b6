// The header fields of draft 8 of the IETF's RateLimit headers. Their form is that of draft 10; `t` has another meaning.

import type { Decision, Policy } from '../../limiter/types.js';
import { draft10PolicyField } from './draft-10.js';
import { quotaIsKnown, resetSeconds } from './quota.js';

/**
 * `RateLimit-Policy` of draft 8: as in draft 10.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-08.html
 */
export const draft8PolicyField = draft10PolicyField;

/**
 * `RateLimit` of draft 8: the quota left under the binding policy. `undefined` when that is unknown.
 * `t` is the time until the whole quota is back, in seconds rounded up, and on a denial never later than `Retry-After`.
 * Left out when the call can never be admitted, when nothing was used, and of a concurrency limit.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-08.html
 *
 * @param policy the policy of that name, if it is known
 * @param retryAfter the `Retry-After` of the response, in seconds; `undefined` if it has none
 */
export function draft8LimitField(
  decision: Decision,
  policy?: Pick<Policy, 'algorithm'>,
  retryAfter?: number,
): string | undefined {
  if (!quotaIsKnown(decision)) return undefined;
  const { allowed, limit, remaining, retryAfterMs } = decision;
  const item = `"${decision.policy}";r=${remaining}`;
  const isFull = allowed && !(remaining < limit);
  if (isFull || policy?.algorithm === 'concurrency' || retryAfterMs === Number.POSITIVE_INFINITY) {
    return item;
  }
  return `${item};t=${resetSeconds(decision, retryAfter)}`;
}
