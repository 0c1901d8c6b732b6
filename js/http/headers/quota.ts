// Numbers that the header formats have in common.

import type { Decision, Policy, PolicyDecision } from '../../limiter/types.js';

/** The numbers of a policy that a client sees. */
export type Quota = Pick<Policy, 'algorithm' | 'limit' | 'windowMs'>;

/** Whole seconds, rounded up; `undefined` for a wait that is endless (`Infinity`) or unknown (`NaN`). */
export function wholeSeconds(ms: number): number | undefined {
  return Number.isFinite(ms) ? Math.ceil(ms / 1000) : undefined;
}

/** The window of a quota in whole seconds, rounded up, at least 1: no draft has a shorter one. */
export function windowSeconds({ windowMs }: Quota): number {
  return Math.max(1, Math.ceil(windowMs / 1000));
}

/** False for a decision that a rule made without asking any store (`source` 'allow' or 'deny'). */
export function quotaIsKnown(decision: Decision): boolean {
  return !Number.isNaN(decision.remaining);
}

/**
 * Seconds until the whole quota is back, rounded up. On a denial never later than `retryAfter`: a bucket admits the call
 * long before it is full, and a client should not wait for more than that.
 *
 * @param retryAfter the `Retry-After` of the response, in seconds; `undefined` or `Infinity` if it has none
 */
export function resetSeconds(
  { resetAfterMs }: PolicyDecision,
  retryAfter: number | undefined,
): number {
  return Math.min(Math.ceil(resetAfterMs / 1000), retryAfter ?? Number.POSITIVE_INFINITY);
}
