// The response headers that tell a client its limits: pure functions, one group per format.

import { shadowsOf } from '../limiter/decision.js';
import type { Decision, Policy, PolicyDecision } from '../limiter/types.js';
import { moreAfterMs } from './more-after.js';

// A wait that is too long to count (`Infinity`) or not known (`NaN`) is left out, never written as text.
function wholeSeconds(ms: number): number | undefined {
  return Number.isFinite(ms) ? Math.ceil(ms / 1000) : undefined;
}

/** The numbers of a policy that a client sees. */
export type Quota = Pick<Policy, 'algorithm' | 'limit' | 'windowMs'>;

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
    .map(([name, { algorithm, limit, windowMs }]) => {
      if (algorithm === 'concurrency') return `"${name}";q=${limit};qu="concurrent-requests"`;
      const window = Math.max(1, Math.ceil(windowMs / 1000));
      return `"${name}";q=${limit};w=${window}`;
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

/** False for a decision that a rule made without asking any store (`source` 'allow' or 'deny'). */
export function quotaIsKnown(decision: Decision): boolean {
  return !Number.isNaN(decision.remaining);
}

/** The options of `Retry-After`. */
export interface RetryAfterOptions {
  /** The largest share that is added to `Retry-After` at random, in [0, 1], so that clients do not all come back at once. Default 0. */
  retryAfterJitter?: number;
  /** `Retry-After` of a denial by a full concurrency policy, in seconds: a whole number from 1 to 86400. Default 1, because nobody knows when a slot is released. */
  slotRetryAfter?: number;
}

/**
 * The wait of one policy. For a slot it is `slotRetryAfter`: the ttl says when a holder counts as dead, not when it
 * releases its slot. A wait longer than the ttl is a block's, or endless.
 */
function waitMs(
  { retryAfterMs }: PolicyDecision,
  policy: Pick<Policy, 'algorithm' | 'windowMs'> | undefined,
  slotRetryAfter: number,
): number {
  const isForSlot = policy?.algorithm === 'concurrency' && retryAfterMs <= policy.windowMs;
  return isForSlot ? slotRetryAfter * 1000 : retryAfterMs;
}

/**
 * `Retry-After` of a denial, in whole seconds rounded up: the longest wait of the policies that denied, so never
 * earlier than `t`. `Infinity` when the call can never be admitted, `undefined` when it was, or nobody knows.
 *
 * Clients that were denied together come back together. Jitter draws the wait from
 * [retryAfter, retryAfter * (1 + jitter)], so that they come back one by one.
 *
 * Source: RFC 9110, section 10.2.3 (delay-seconds)
 *
 * @param policies by name, as far as they are known
 * @param random a number in [0, 1), called only when there is jitter to draw
 */
export function retryAfterSeconds(
  decision: Decision,
  policies: Readonly<Partial<Record<string, Policy>>> = {},
  { retryAfterJitter = 0, slotRetryAfter = 1 }: RetryAfterOptions = {},
  random: () => number = Math.random,
): number | undefined {
  if (decision.allowed) return undefined;
  let longest = decision.retryAfterMs;
  if (quotaIsKnown(decision)) {
    const shadows = shadowsOf(decision);
    longest = Number.NEGATIVE_INFINITY;
    for (const each of decision.policies) {
      if (each.allowed || shadows.includes(each.policy)) continue;
      longest = Math.max(longest, waitMs(each, policies[each.policy], slotRetryAfter));
    }
  }
  if (longest === Number.POSITIVE_INFINITY) return longest;
  const addedMs = retryAfterJitter === 0 ? 0 : Math.floor(longest * retryAfterJitter * random());
  return wholeSeconds(longest + addedMs);
}
