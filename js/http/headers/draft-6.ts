// The header fields of draft 6 of the IETF's RateLimit headers: one field for each number.

import type { Decision } from '../../limiter/types.js';
import { draft7PolicyField } from './draft-7.js';
import { quotaIsKnown, resetSeconds } from './quota.js';

/**
 * `RateLimit-Policy` of draft 6: as in draft 7.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-06.html
 */
export const draft6PolicyField = draft7PolicyField;

/** The names of the fields of draft 6 that hold one number each. */
export const DRAFT_6_FIELDS = [
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
] as const;

/**
 * The values of `DRAFT_6_FIELDS`: the numbers of the binding policy. `undefined` when they are unknown. The reset is the
 * time until the whole quota is back, in seconds rounded up, and on a denial never later than `Retry-After`.
 *
 * Source: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-06.html
 *
 * @param retryAfter the `Retry-After` of the response, in seconds; `undefined` if it has none
 */
export function draft6Values(
  decision: Decision,
  retryAfter?: number,
): readonly [limit: string, remaining: string, reset: string] | undefined {
  if (!quotaIsKnown(decision)) return undefined;
  const { limit, remaining } = decision;
  return [String(limit), String(remaining), String(resetSeconds(decision, retryAfter))];
}
