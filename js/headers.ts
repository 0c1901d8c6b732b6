// The response headers that tell a client its limits: pure functions, one group per format.

import type { Decision, Policy } from './types.js';

// A wait that is too long to count (`Infinity`) or not known (`NaN`) is left out, never written as text.
function wholeSeconds(ms: number): number | undefined {
  return Number.isFinite(ms) ? Math.ceil(ms / 1000) : undefined;
}

/** What a client is told of a policy. */
export type Quota = Pick<Policy, 'algorithm' | 'limit' | 'windowMs'>;

/**
 * `RateLimit-Policy` of draft 10: every policy, in the order given. `q` is the most admitted at once, `w` the time
 * a key that used everything takes to equal a new one, in whole seconds rounded up, at least 1 (the draft knows no
 * shorter window). A concurrency limit has no window, and says with `qu` that it counts requests under way.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html#section-3
 *
 * @param quotas by name; a name has only characters that an RFC 9651 String takes as they are
 */
export function draft10PolicyField(quotas: Readonly<Record<string, Quota>>): string {
  return Object.entries(quotas)
    .map(([name, { algorithm, limit, windowMs }]) => {
      if (algorithm === 'concurrency') return `"${name}";q=${limit};qu="concurrent-requests"`;
      const window = Math.max(1, Math.ceil(windowMs / 1000));
      return `"${name}";q=${limit};w=${window}`;
    })
    .join(', ');
}

/**
 * `RateLimit` of draft 10: what is left under the policy that binds. `undefined` when that is not known.
 * `t` is the wait for more quota if the call was denied, else for all of it, in whole seconds rounded up;
 * left out when the call can never be admitted.
 *
 * Only the policy that binds, because the draft wants `Retry-After` no earlier than any `t` beside it
 * (section 6). On a denial by a short policy, the `t` of a longer one that still has quota would be later
 * than the moment at which the same call is admitted.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html#section-4
 */
export function draft10LimitField(decision: Decision): string | undefined {
  if (!quotaIsKnown(decision)) return undefined;
  const item = `"${decision.policy}";r=${decision.remaining}`;
  const seconds = wholeSeconds(decision.allowed ? decision.resetAfterMs : decision.retryAfterMs);
  return seconds === undefined ? item : `${item};t=${seconds}`;
}

/** False for a decision that a rule made without asking any store (`source` 'allow' or 'deny'). */
export function quotaIsKnown(decision: Decision): boolean {
  return !Number.isNaN(decision.remaining);
}

/**
 * `Retry-After` of a denial, in whole seconds rounded up, so never earlier than `t`. `undefined` when the
 * call was admitted, can never be, or nobody knows.
 *
 * Clients that were denied together come back together. Jitter draws the wait from
 * [retryAfter, retryAfter * (1 + jitter)], so that they come back one by one.
 *
 * Source: RFC 9110, section 10.2.3 (delay-seconds)
 *
 * @param jitter the largest share of the wait that is added to it, in [0, 1]
 * @param random a number in [0, 1), called only when there is jitter to draw
 */
export function retryAfterSeconds(
  decision: Decision,
  jitter = 0,
  random: () => number = Math.random,
): number | undefined {
  if (decision.allowed) return undefined;
  const { retryAfterMs } = decision;
  const addedMs = jitter === 0 ? 0 : Math.floor(retryAfterMs * jitter * random());
  return wholeSeconds(retryAfterMs + addedMs);
}
