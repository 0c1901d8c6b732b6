// What a request is asked with, besides its key: cost, plan and limits, fixed or by the request.

import { BaseLimiter } from './base-limiter.js';
import { type ArgumentError, rangeError, typeError } from './errors.js';
import type { HttpLimiter, Question } from './http-limiter.js';
import { readCost, readLimits, readPolicies } from './options.js';
import type { Cost, Key, Limits, Policy } from './types.js';

type PoliciesByName = Readonly<Record<string, Policy>>;

/** A question's parts, of which each may be a function of the request. */
export type QuestionOptions = { readonly [Part in keyof Question]?: unknown };

/** What a limiter's policies count by. */
export interface KeyKinds {
  /** Some take strings. */
  readonly strings: boolean;
  /** The parts that some count by; `undefined` if all take strings. */
  readonly parts: readonly string[] | undefined;
}

export function keyKindsOf({ plans, policies }: HttpLimiter): KeyKinds {
  const sets = [policies, ...(Object.values(plans) as PoliciesByName[])];
  const by = sets.flatMap((set) => Object.values(set).map((policy) => policy.by));
  const parts = by.filter((each) => each !== undefined);
  return {
    strings: parts.length < by.length,
    parts: parts.length === 0 ? undefined : [...new Set(parts.flat())],
  };
}

/** @throws TypeError `ERR_SLUICE_KEY` if policies count by what an address, the default key, does not tell */
export function checkDefaultKey({ parts }: KeyKinds, name: string): void {
  if (parts === undefined) return;
  const expected = `a function that returns the parts that policies count by: { ${parts.join(', ')} }`;
  throw typeError('ERR_SLUICE_KEY', name, undefined, expected);
}

/** @throws RangeError `ERR_SLUICE_PLAN` if there are plans */
export function checkDefaultPlan(limiter: HttpLimiter, name: string): void {
  if (Object.keys(limiter.plans).length > 0) throw planError(limiter, undefined, name);
}

/** @throws TypeError `ERR_SLUICE_KEY`; what is wrong with an object of parts, the limiter says */
export function checkKeyKind(
  { strings, parts }: KeyKinds,
  key: unknown,
  name: string,
  hint = '',
): asserts key is Key {
  if (strings && typeof key === 'string' && key !== '') return;
  if (parts !== undefined && typeof key === 'object' && key !== null && !Array.isArray(key)) return;
  const object = `an object of the parts { ${parts?.join(', ')} }`;
  const expected =
    parts === undefined
      ? 'a non-empty string'
      : strings
        ? `a non-empty string, or ${object}`
        : object;
  throw typeError('ERR_SLUICE_KEY', name, key, expected + hint);
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
  // A stand-in of 'sluice/testing' has no plans and takes any.
  if (!(limiter instanceof BaseLimiter)) return;
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
      readCost(Object.keys(policies), cost as Cost, nameOf('cost') + under);
    }
    if (limits !== undefined && typeof limits !== 'function') {
      readLimits(readPolicies(policies), limits as Limits, nameOf('limits') + under);
    }
  }
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
