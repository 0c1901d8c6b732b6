// What a limiter's policies are to an HTTP client: the RateLimit-Policy field, by plan and by the limits of a call.

import { draft10PolicyField, type Quota } from './headers.js';
import type { HttpLimiter } from './http-limiter.js';
import { keepsLine, toNative } from './policy.js';
import type { Decision, Limits, Policy } from './types.js';

type PoliciesByName = Readonly<Record<string, Policy>>;

/** With another limit than its own, a bucket takes another time to refill: its rate stays. */
function windowMsAt(policy: Policy, limit: number): number {
  if (limit === policy.limit || !keepsLine(policy)) return policy.windowMs;
  const [, , , rate, spanUs] = toNative('', policy);
  return Math.ceil(Math.max(1, Math.round((limit * spanUs) / rate)) / 1e3);
}

/** `undefined` where nobody enforces: a shadow is no business of a client's. */
function field(policies: PoliciesByName, limits: Limits): string | undefined {
  const quotas: Record<string, Quota> = {};
  for (const [name, policy] of Object.entries(policies)) {
    if (policy.enforce === false) continue;
    const limit = limits[name] ?? policy.limit;
    quotas[name] = { algorithm: policy.algorithm, limit, windowMs: windowMsAt(policy, limit) };
  }
  return Object.keys(quotas).length === 0 ? undefined : draft10PolicyField(quotas);
}

/** The `RateLimit-Policy` field of a decision under a plan; `undefined` where there is nothing to tell. */
export type PolicyField = (decision: Decision, plan: string | undefined) => string | undefined;

/** For calls whose limits may be others each time. */
function varyingField(policies: PoliciesByName): (decision: Decision) => string | undefined {
  const usual = field(policies, {});
  return ({ policies: decided }) => {
    if (decided.every(({ policy, limit }) => limit === policies[policy]?.limit)) return usual;
    return field(policies, Object.fromEntries(decided.map((each) => [each.policy, each.limit])));
  };
}

/** Makes a limiter's fields: once for each plan, unless a function gives each call its `limits`. */
export function policyField(
  { plans, policies }: HttpLimiter,
  limits: Limits | ((...args: never[]) => unknown) | undefined,
): PolicyField {
  const make = (policies: PoliciesByName): ((decision: Decision) => string | undefined) => {
    if (typeof limits === 'function') return varyingField(policies);
    const fixed = field(policies, limits ?? {});
    return () => fixed;
  };
  const byPlan = new Map(
    Object.entries(plans).map(([plan, all]) => [plan, make(all as PoliciesByName)]),
  );
  if (byPlan.size === 0) return make(policies);
  return (decision, plan) => byPlan.get(plan!)?.(decision);
}

/** A limiter's policies under a plan, by name. */
export function policiesUnder(limiter: HttpLimiter, plan: string | undefined): PoliciesByName {
  const ofPlan = plan === undefined ? undefined : limiter.plans[plan];
  return (ofPlan as PoliciesByName | undefined) ?? limiter.policies;
}
