// The X-RateLimit-* header fields, which no standard defines. Their form is that of GitHub's API.

import type { Decision } from '../../limiter/types.js';
import { quotaIsKnown } from './quota.js';

/** The names of the fields, which hold one number each. */
export const LEGACY_FIELDS = [
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
] as const;

/**
 * The values of `LEGACY_FIELDS`: the numbers of the binding policy. `undefined` when they are unknown. The reset is a
 * point in time, in seconds since 1970, rounded up: the whole quota is back, or a denied client may retry.
 *
 * Source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 *
 * @param retryAfter the `Retry-After` of the response, in seconds; `undefined` if it has none
 * @param nowMs the wall clock, in ms since 1970
 */
export function legacyValues(
  decision: Decision,
  retryAfter: number | undefined,
  nowMs: number,
): readonly [limit: string, remaining: string, reset: string] | undefined {
  if (!quotaIsKnown(decision)) return undefined;
  const { limit, remaining, resetAfterMs } = decision;
  const waitMs = Math.min(resetAfterMs, (retryAfter ?? Number.POSITIVE_INFINITY) * 1000);
  const reset = Math.ceil((nowMs + waitMs) / 1000);
  return [String(limit), String(remaining), String(reset)];
}
