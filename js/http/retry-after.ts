// Retry-After: how long a denied client has to wait.

import { shadowsOf } from '../limiter/decision.js';
import type { Decision, Policy, PolicyDecision } from '../limiter/types.js';
import { quotaIsKnown, wholeSeconds } from './headers/quota.js';

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
