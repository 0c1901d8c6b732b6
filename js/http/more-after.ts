// The time after which a client has more quota than `remaining` says.

import { chargeOf } from '../limiter/decision.js';
import { internalsOf, isPolicy, keepsLine } from '../limiter/policy.js';
import type { Decision, Policy } from '../limiter/types.js';

/** In a sliding window, the weight of a previous window that counts in full. As in core/sliding_window.h. */
const WHOLE = 1024;

/**
 * Whether the call cost nothing under the policy that binds. Such a call is admitted during a block and in debt, whose
 * ends the decision does not tell.
 */
function wasFree(decision: Decision): boolean {
  const charge = chargeOf(decision);
  if (charge === undefined || charge === 'foreign') return false;
  return charge.units[charge.table.names.indexOf(decision.policy)] === 0;
}

/**
 * The wait after which more than `remaining` is left under the policy that binds, if nothing else comes: the t of a
 * `RateLimit` field.
 *
 * - A bucket (token bucket, GCRA, leaky bucket): the next unit, to the millisecond.
 * - A fixed window: its end.
 * - A sliding window: the first moment in the next window at which a unit leaves. Exact while the previous window was
 *   empty, else an upper bound.
 * - A sliding log: until the key equals a new one, an upper bound.
 * - A denied call: its `retryAfterMs`, `Infinity` if it can never be admitted.
 * - `undefined` when nothing was used, and for a concurrency policy, whose slots are released at unknown times.
 *
 * Never too early: a client that comes back then finds more.
 */
export function moreAfterMs(decision: Decision, policy: Policy | undefined): number | undefined {
  const { allowed, limit, remaining, retryAfterMs, resetAfterMs } = decision;
  if (policy?.algorithm === 'concurrency') return undefined;
  if (!allowed) return retryAfterMs;
  if (!(remaining < limit)) return undefined;
  if (!isPolicy(policy) || (remaining === 0 && wasFree(decision))) return resetAfterMs;
  const used = limit - remaining;
  if (keepsLine(policy)) {
    const { rate, spanUs } = internalsOf(policy);
    const unitNs = Math.ceil((spanUs * 1e3) / rate);
    // Below 2^53: a key is never charged for more than 100 days ahead.
    return (resetAfterMs * 1e6 - (used - 1) * unitNs) / 1e6;
  }
  if (policy.algorithm !== 'slidingWindow') return resetAfterMs;
  const { spanUs } = internalsOf(policy);
  const resetUs = resetAfterMs * 1e3;
  if (resetUs > spanUs) {
    // The current window ends in resetUs - spanUs. Where the previous one held anything, a unit leaves before that.
    const weight = Math.floor(((used - 1) * WHOLE) / used);
    return (resetUs - Math.floor((weight * spanUs) / WHOLE)) / 1e3;
  }
  return resetAfterMs;
}
