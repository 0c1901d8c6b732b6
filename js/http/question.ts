// What a request is asked with, besides its key: cost, plan and limits, fixed or by the request.

import { BaseLimiter } from '../limiter/base-limiter.js';
import { type ArgumentError, rangeError, typeError } from '../limiter/errors.js';
import { readCost, readLimits, readPolicies } from '../limiter/options.js';
import type { Cost, Key, Limits, Policy } from '../limiter/types.js';
import type { HttpLimiter, Question } from './limiter.js';

type PoliciesByName = Readonly<Record<string, Policy>>;

/** A question's parts, of which each may be a function of the request. */
export type QuestionOptions = { readonly [Part in keyof Question]?: unknown };

/** What a limiter's policies count by. */
export interface KeyKinds {
  /** Some take strings. */
  readonly strings: boolean;
  /** Some take objects, of these parts. */
  readonly parts: readonly string[] | undefined;
}

/** A stand-in of 'sluice/testing' takes any key and plan, and any names of policies. */
function isStandIn(limiter: HttpLimiter): boolean {
  return !(limiter instanceof BaseLimiter);
}

export function keyKindsOf(limiter: HttpLimiter): KeyKinds | undefined {
  if (isStandIn(limiter)) return undefined;
  const sets = [limiter.policies, ...(Object.values(limiter.plans) as PoliciesByName[])];
  const by = sets.flatMap((set) => Object.values(set).map((policy) => policy.by));
  const parts = by.filter((each) => each !== undefined);
  return {
    strings: parts.length < by.length,
    parts: parts.length === 0 ? undefined : [...new Set(parts.flat())],
  };
}

/** @throws TypeError `ERR_SLUICE_KEY` if policies count by what an address, the default key, does not tell */
export function checkDefaultKey(kinds: KeyKinds | undefined, name: string): void {
  if (kinds?.parts === undefined) return;
  const { parts } = kinds;
  const expected = `a function that returns the parts that policies count by: { ${parts.join(', ')} }`;
  throw typeError('ERR_SLUICE_KEY', name, undefined, expected);
}

/** @throws RangeError `ERR_SLUICE_PLAN` if there are plans */
export function checkDefaultPlan(limiter: HttpLimiter, name: string): void {
  if (Object.keys(limiter.plans).length > 0) throw planError(limiter, undefined, name);
}

/** @throws TypeError `ERR_SLUICE_KEY`; what is wrong with an object of parts, the limiter says */
export function checkKeyKind(
  kinds: KeyKinds | undefined,
  key: unknown,
  name: string,
  hint = '',
): asserts key is Key {
  const { strings, parts } = kinds ?? { strings: true, parts: [] };
  if (strings && typeof key === 'string' && key !== '') return;
  if (parts !== undefined && typeof key === 'object' && key !== null && !Array.isArray(key)) return;
  const accepted = [
    ...(strings ? ['a non-empty string'] : []),
    ...(parts === undefined ? [] : [`an object of the parts { ${parts.join(', ')} }`]),
  ];
  throw typeError('ERR_SLUICE_KEY', name, key, accepted.join(' or ') + hint);
}

function planError({ plans }: HttpLimiter, plan: unknown, name: string): Error {
  const known = Object.keys(plans).map((plan) => `'${plan}'`);
  const expected = `one of the limiter's plans (${known.join(', ')}), or a function that returns one`;
  const make = plan === undefined || typeof plan === 'string' ? rangeError : typeError;
  return make('ERR_SLUICE_PLAN', name, plan, expected);
}

function checkPlan(limiter: HttpLimiter, plan: unknown, name: string): void {
  const plans = Object.keys(limiter.plans);
  if (plans.length > 0) {
    if (typeof plan === 'function' || plans.includes(plan as string)) return;
    throw planError(limiter, plan, name);
  }
  if (isStandIn(limiter)) return;
  throw typeError('ERR_SLUICE_PLAN', name, plan, 'left out: the limiter has no plans');
}

/**
 * Refuses what is wrong before there is any request: a fixed part has to be right under every plan that a call may
 * have. `nameOf` names a part for errors.
 *
 * @throws TypeError, RangeError `ERR_SLUICE_*`
 */
export function checkQuestion(
  limiter: HttpLimiter,
  { cost, plan, limits }: QuestionOptions,
  nameOf: (part: keyof Question) => string,
): void {
  if (plan !== undefined) checkPlan(limiter, plan, nameOf('plan'));
  const plans = Object.entries(limiter.plans) as [string, PoliciesByName][];
  const possible = plans.filter(([name]) => typeof plan !== 'string' || name === plan);
  const sets = plans.length === 0 ? [['', limiter.policies] as const] : possible;
  for (const [name, policies] of sets) {
    const under = sets.length > 1 ? ` (plan '${name}')` : '';
    if (cost !== undefined && typeof cost !== 'function') {
      const names = Object.keys(isStandIn(limiter) ? Object(cost) : policies);
      const known = isStandIn(limiter) ? names : limiter.policyNames;
      readCost({ names, known }, cost as Cost, nameOf('cost') + under);
    }
    if (limits !== undefined && typeof limits !== 'function' && !isStandIn(limiter)) {
      const table = { ...readPolicies(policies), known: limiter.policyNames };
      readLimits(table, limits as Limits, nameOf('limits') + under);
    }
  }
}

/** Whether a function of the request forgot its `return`. To the limiter, no cost would mean 1. */
export function isMissing(part: keyof Question, value: unknown): part is 'cost' | 'plan' {
  return value === undefined && part !== 'limits';
}

/** The error of a missing cost or plan, `ERR_SLUICE_COST` or `ERR_SLUICE_PLAN`. `name`: of what gave it. */
export function missingError({ plans }: HttpLimiter, part: 'cost' | 'plan', name: string): Error {
  if (part === 'cost') {
    const expected = 'a whole number, or one for each policy';
    return typeError('ERR_SLUICE_COST', name, undefined, expected);
  }
  const known = Object.keys(plans).map((plan) => `'${plan}'`);
  const expected = `one of the limiter's plans: ${known.join(', ')}`;
  return typeError('ERR_SLUICE_PLAN', name, undefined, expected);
}

/** Says in front of an error about what a limiter was asked, where that came from. */
export function locate(error: unknown, where: string): unknown {
  if (!(error instanceof Error) || (error as Partial<ArgumentError>).argument === undefined) {
    return error;
  }
  const { message, stack } = error;
  error.message = `${where}: ${message}`;
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
  return error;
}
