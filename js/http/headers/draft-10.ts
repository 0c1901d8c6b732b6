// The header fields of draft 10 of the IETF's RateLimit headers.

import type { Decision, Policy } from '../../limiter/types.js';
import { moreAfterMs } from '../more-after.js';
import { type Quota, quotaIsKnown, wholeSeconds, windowSeconds } from './quota.js';

/**
 * `RateLimit-Policy` of draft 10: every policy, in the given order. `q` is the most admitted at once. `w` is the time
 * after which a used-up key equals a new one, in whole seconds rounded up, at least 1 (the draft has no shorter
 * window). A concurrency limit has no window, and `qu` shows that it counts requests in progress.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html#section-3
 *
 * @param quotas by name; a name has only characters that an RFC 9651 String takes as they are
 */
export function draft10PolicyField(quotas: Readonly<Record<string, Quota>>): string {
  return Object.entries(quotas)
    .map(([name, quota]) => {
      const item = `"${name}";q=${quota.limit}`;
      if (quota.algorithm === 'concurrency') return `${item};qu="concurrent-requests"`;
      return `${item};w=${windowSeconds(quota)}`;
    })
    .join(', ');
}

/**
 * `RateLimit` of draft 10: the quota left under the binding policy. `undefined` when that is unknown.
 * `t` is the time until there is more than that, in whole seconds rounded up: see `moreAfterMs`. Left out when the
 * call can never be admitted, when nothing was used, and of a concurrency limit.
 *
 * Only the policy that binds, because the draft wants `Retry-After` no earlier than any `t` beside it
 * (section 6). On a denial by a short policy, the `t` of a longer one that still has quota would be later
 * than the moment at which the same call is admitted.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html#section-4
 *
 * @param policy the policy of that name, if it is known; without it `t` may be later, never earlier
 */
export function draft10LimitField(decision: Decision, policy?: Policy): string | undefined {
  if (!quotaIsKnown(decision)) return undefined;
  const item = `"${decision.policy}";r=${decision.remaining}`;
  const seconds = wholeSeconds(moreAfterMs(decision, policy) ?? Number.NaN);
  return seconds === undefined ? item : `${item};t=${seconds}`;
}

/** A String of RFC 9651, or the parameter `t` of a `RateLimit` item. */
const STRING_OR_T = /"(?:[^"\\]|\\.)*"|;[ ]*t=(\d+)/g;

/** Takes each `t` that is later than `Retry-After` out of a `RateLimit` field. */
export function withoutLaterT(field: string, retryAfter: number): string {
  return field.replace(STRING_OR_T, (part, t: string | undefined) =>
    t !== undefined && Number(t) > retryAfter ? '' : part,
  );
}
