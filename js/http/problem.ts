// The response to a denied request: a status and a problem+json body (RFC 9457).

import { isBlock, shadowsOf } from '../limiter/decision.js';
import type { Decision } from '../limiter/types.js';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** A problem of one of the types that the RateLimit draft registers. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: 429 | 503;
  /** The policies that denied, in the order declared; shadows are none of them. */
  readonly 'violated-policies'?: readonly string[];
}

const REGISTRY = 'https://iana.org/assignments/http-problem-types';

/**
 * The problem that a denial is. Types and titles are the registered ones:
 * https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html#section-5
 *
 * 429 when a quota is used up, and when the key is blocked, by `limiter.block()` or by a policy's `blockFor`: that type
 * says so. 503 when the store failed and the rule is to deny (`source` 'deny'): the caller did nothing wrong, and no
 * policy is named, since none was found to be violated.
 *
 * Precondition: the decision is a denial.
 */
export function problemOf(decision: Decision): Problem {
  if (decision.source === 'deny') {
    return {
      type: `${REGISTRY}#temporary-reduced-capacity`,
      title: 'Request cannot be satisfied due to temporary server capacity constraints',
      status: 503,
    };
  }
  const shadows = shadowsOf(decision);
  const violated = decision.policies.filter((p) => !p.allowed && !shadows.includes(p.policy));
  const names = violated.map((p) => p.policy);
  if (isBlock(decision)) {
    return {
      type: `${REGISTRY}#abnormal-usage-detected`,
      title: 'Request not satisfied due to detection of abnormal request pattern',
      status: 429,
      'violated-policies': names,
    };
  }
  return {
    type: `${REGISTRY}#quota-exceeded`,
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    status: 429,
    'violated-policies': names,
  };
}
