// The options of a guarded request, and what is wrong with a wrong one.

import {
  type ArgumentError,
  checkFlag,
  printable,
  rangeError,
  typeError,
} from '../limiter/errors.js';
import { readCost, readLimits, readPolicies } from '../limiter/options.js';
import type { AnyLimiter, Cost, Limits, Policy } from '../limiter/types.js';
import { checkFieldOptions, type FieldOptions } from './fields.js';
import { type HttpCheckOptions, isStub } from './limiter.js';
import { checkRequestErrorOptions, type RequestErrorOptions } from './request-failure.js';
import type { RefundOptions } from './response-end.js';

type PoliciesByName = Readonly<Record<string, Policy>>;

/** Cost, plan and limits: each a value, or a function of the request. */
export type CheckParts = { readonly [Part in keyof HttpCheckOptions]?: unknown };

/** A name for an option in errors: `rateLimit.cost`, or `the cost of Pages.index`. */
export type NameOf = (option: string) => string;

const KINDS = {
  cost: ['ERR_SLUICE_COST', ['number', 'object'], 'a whole number, one per policy, or a function'],
  plan: ['ERR_SLUICE_PLAN', ['string'], 'the name of a plan, or a function'],
  limits: ['ERR_SLUICE_OPTIONS', ['object'], 'an object of limits by policy, or a function'],
} as const;

/**
 * Checks the options of a guard as far as no limiter is needed.
 *
 * @throws TypeError, RangeError `ERR_SLUICE_*`
 */
export function checkRequestOptions(
  options: CheckParts &
    FieldOptions &
    RefundOptions &
    RequestErrorOptions & {
      key?: unknown;
      keyFallback?: unknown;
      skip?: unknown;
      handler?: unknown;
      requestWasSuccessful?: unknown;
    },
  where: string,
): void {
  for (const name of ['skipFailedRequests', 'skipSuccessfulRequests'] as const) {
    if (options[name] !== undefined)
      checkFlag('ERR_SLUICE_OPTIONS', `${where}.${name}`, options[name]);
  }
  for (const name of ['key', 'skip', 'handler', 'requestWasSuccessful'] as const) {
    const given = options[name];
    if (given === undefined || typeof given === 'function') continue;
    throw typeError('ERR_SLUICE_OPTIONS', `${where}.${name}`, given, 'a function');
  }
  for (const [name, [code, types, expected]] of Object.entries(KINDS)) {
    const given: unknown = options[name as keyof CheckParts];
    const allowed: readonly string[] = ['undefined', 'function', ...types];
    if (given !== null && allowed.includes(typeof given)) continue;
    throw typeError(code, `${where}.${name}`, given, expected);
  }
  const { key, keyFallback } = options;
  if (keyFallback !== undefined && keyFallback !== 'ip') {
    throw typeError('ERR_SLUICE_OPTIONS', `${where}.keyFallback`, keyFallback, "'ip'");
  }
  if (keyFallback !== undefined && key === undefined) {
    const expected = "left out without 'key': the address is the default key";
    throw typeError('ERR_SLUICE_OPTIONS', `${where}.keyFallback`, keyFallback, expected);
  }
  checkFieldOptions(options, where);
  checkRequestErrorOptions(options, where);
}

/**
 * Checks that a guard without a `key` can count by the client's address.
 *
 * @throws TypeError `ERR_SLUICE_KEY` if a policy counts by parts of a key
 */
export function checkDefaultKey(limiter: AnyLimiter, name: string): void {
  if (isStub(limiter)) return;
  const sets = [limiter.policies, ...(Object.values(limiter.plans) as PoliciesByName[])];
  const by = sets.flatMap((set) => Object.values(set).map((policy) => policy.by));
  if (by.every((each) => each === undefined)) return;
  const parts = [...new Set(by.flatMap((each) => each ?? []))].join(', ');
  const expected = `a function that returns the parts that policies count by: { ${parts} }`;
  throw typeError('ERR_SLUICE_KEY', name, undefined, expected);
}

/** @throws RangeError `ERR_SLUICE_PLAN` if the limiter has plans */
export function checkDefaultPlan(limiter: AnyLimiter, name: string): void {
  if (Object.keys(limiter.plans).length > 0) throw planError(limiter, undefined, name);
}

function plansOf({ plans }: AnyLimiter): string {
  return Object.keys(plans)
    .map((plan) => `'${plan}'`)
    .join(', ');
}

function planError(limiter: AnyLimiter, plan: unknown, name: string): Error {
  const expected = `one of the limiter's plans (${plansOf(limiter)}), or a function that returns one`;
  return rangeError('ERR_SLUICE_PLAN', name, plan, expected);
}

function checkPlan(limiter: AnyLimiter, plan: unknown, name: string): void {
  const plans = Object.keys(limiter.plans);
  if (plans.length > 0) {
    if (typeof plan === 'function' || plans.includes(plan as string)) return;
    throw planError(limiter, plan, name);
  }
  if (isStub(limiter)) return;
  throw typeError('ERR_SLUICE_PLAN', name, plan, 'left out: the limiter has no plans');
}

/**
 * Checks fixed parts before there is any request: each has to be right under every plan that a request may have.
 *
 * @throws TypeError, RangeError `ERR_SLUICE_*`
 */
export function checkParts(
  limiter: AnyLimiter,
  { cost, plan, limits }: CheckParts,
  nameOf: NameOf,
): void {
  if (plan !== undefined) checkPlan(limiter, plan, nameOf('plan'));
  const plans = Object.entries(limiter.plans) as [string, PoliciesByName][];
  const possible = plans.filter(([name]) => typeof plan !== 'string' || name === plan);
  const sets = plans.length === 0 ? [['', limiter.policies] as const] : possible;
  for (const [name, policies] of sets) {
    const under = sets.length > 1 ? ` (plan '${name}')` : '';
    if (cost !== undefined && typeof cost !== 'function') {
      const names = Object.keys(isStub(limiter) ? Object(cost) : policies);
      const known = isStub(limiter) ? names : limiter.policyNames;
      readCost({ names, known }, cost as Cost, nameOf('cost') + under);
    }
    if (limits !== undefined && typeof limits !== 'function' && !isStub(limiter)) {
      const table = { ...readPolicies(policies), known: limiter.policyNames };
      readLimits(table, limits as Limits, nameOf('limits') + under);
    }
  }
}

/**
 * Checks that a cost or plan function did not forget its `return`. To the limiter, no cost would mean 1.
 *
 * @throws TypeError `ERR_SLUICE_COST` or `ERR_SLUICE_PLAN`
 */
export function checkResult(limiter: AnyLimiter, part: keyof CheckParts, value: unknown): void {
  if (value !== undefined || part === 'limits') return;
  const [code, expected] =
    part === 'cost'
      ? ['ERR_SLUICE_COST', 'a whole number, or one for each policy']
      : ['ERR_SLUICE_PLAN', `one of the limiter's plans: ${plansOf(limiter)}`];
  throw typeError(code, part, undefined, expected);
}

/** The longest name of a function, handler or limiter in a message. */
const LONGEST_PLACE = 200;

/** Begins the message of an error about an argument with `where` it came from, and ends it with `hint`. */
export function locate(error: unknown, where: string, hint = ''): unknown {
  if (!(error instanceof Error) || (error as Partial<ArgumentError>).argument === undefined) {
    return error;
  }
  const { message, stack } = error;
  error.message = `${printable(where, LONGEST_PLACE)}: ${message}${hint}`;
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
  return error;
}

/** Does `work`; the message of its error about an argument begins with `where`. */
export function within<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw locate(error, where);
  }
}
