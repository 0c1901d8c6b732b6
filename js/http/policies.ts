// The RateLimit-Policy field of a limiter, by plan and by the limits of a request.

import { ownOption } from '../limiter/own-options.js';
import { internalsOf, keepsLine, refillMs } from '../limiter/policy.js';
import type { Decision, Limits, Policy } from '../limiter/types.js';
import type { DescribedPolicies } from './fields.js';
import type { HeaderFormat } from './headers/formats.js';
import type { Quota } from './headers/quota.js';
import type { HttpLimiter } from './limiter.js';

type PoliciesByName = Readonly<Record<string, Policy>>;

/** With another limit a bucket refills in another time, because its rate stays. */
function windowMsAt(policy: Policy, limit: number): number {
  if (limit === policy.limit || !keepsLine(policy)) return policy.windowMs;
  const { rate, spanUs } = internalsOf(policy);
  return refillMs(limit, rate, spanUs);
}

function describe(
  policies: PoliciesByName,
  limits: Limits,
  formats: readonly HeaderFormat[],
): DescribedPolicies {
  const quotas: Record<string, Quota> = Object.create(null);
  for (const [name, policy] of Object.entries(policies)) {
    if (policy.enforce === false) continue;
    const limit = ownOption(limits, name) ?? policy.limit;
    quotas[name] = { algorithm: policy.algorithm, limit, windowMs: windowMsAt(policy, limit) };
  }
  const draft = formats.find(({ policyField }) => policyField !== undefined);
  return {
    policies,
    policyField: draft?.policyField?.(quotas) ?? '',
    enforces: Object.keys(quotas).length > 0,
  };
}

/** Describes the policies of a decision under a plan. */
export type DescribePolicies = (decision: Decision, plan: string | undefined) => DescribedPolicies;

/** For calls whose limits may be others each time. */
function varyingDescriber(
  policies: PoliciesByName,
  formats: readonly HeaderFormat[],
): DescribePolicies {
  const usual = describe(policies, {}, formats);
  return ({ policies: decided }) => {
    if (decided.every(({ policy, limit }) => limit === ownOption(policies, policy)?.limit))
      return usual;
    const limits = Object.fromEntries(decided.map((each) => [each.policy, each.limit]));
    return describe(policies, limits, formats);
  };
}

/** Makes a limiter's fields: once for each plan, unless a function gives each call its `limits`. */
export function policyDescriber(
  { plans, policies }: HttpLimiter,
  limits: unknown,
  formats: readonly HeaderFormat[],
): DescribePolicies {
  const make = (policies: PoliciesByName): DescribePolicies => {
    if (typeof limits === 'function') return varyingDescriber(policies, formats);
    const described = describe(policies, (limits ?? {}) as Limits, formats);
    return () => described;
  };
  const byPlan = new Map(
    Object.entries(plans).map(([plan, all]) => [plan, make(all as PoliciesByName)]),
  );
  const alone = make(policies);
  return (decision, plan) => (byPlan.get(plan!) ?? alone)(decision, plan);
}
