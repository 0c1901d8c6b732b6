// Checks what a limiter is made of and asked with.

import type { PolicyTable } from './decision.js';
import { checkOptionNames, rangeError, typeError } from './errors.js';
import { native } from './native.js';
import { isPolicy } from './policies.js';
import type { Cost, Policy } from './types.js';

/** Not digits alone: an object lists such names first, so that the order declared would be lost. */
const POLICY_NAME = /^(?!\d+$)[A-Za-z0-9_.-]{1,64}$/;
const LARGEST_COST = 2 ** 31 - 1;

/** One policy is named 'default'; several are an object by name. */
export function readPolicies<Name extends string>(
  given: Policy | Readonly<Record<Name, Policy>>,
): PolicyTable<Name> {
  if (isPolicy(given)) return { names: ['default' as Name], policies: [given] };
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw typeError(
      'ERR_SLUICE_POLICY',
      'policies',
      given,
      'a policy, or an object of policies by name',
    );
  }
  const names = Object.keys(given) as Name[];
  if (names.length < 1 || names.length > native.maxPolicies) {
    throw rangeError('ERR_SLUICE_POLICY', 'policies', names, `1 to ${native.maxPolicies} policies`);
  }
  for (const name of names) {
    if (!POLICY_NAME.test(name)) {
      const expected =
        'named with 1 to 64 characters of A-Z a-z 0-9 _ . -, not digits alone (names go into headers and Redis keys)';
      throw rangeError('ERR_SLUICE_POLICY_NAME', 'policies', name, expected);
    }
    if (!isPolicy(given[name])) {
      throw typeError(
        'ERR_SLUICE_POLICY',
        `policies.${name}`,
        given[name],
        'a policy, such as tokenBucket({...})',
      );
    }
  }
  return { names, policies: names.map((name) => given[name]) };
}

/** @throws TypeError `ERR_SLUICE_KEY` unless it is a string that is not empty */
export function checkKey(key: unknown, name = 'key'): asserts key is string {
  if (typeof key !== 'string' || key === '') {
    throw typeError('ERR_SLUICE_KEY', name, key, 'a string that is not empty');
  }
}

function checkUnits(cost: unknown, name: string): number {
  const expected = 'a whole number from 0 to 2147483647';
  if (typeof cost !== 'number') throw typeError('ERR_SLUICE_COST', name, cost, expected);
  if (!Number.isInteger(cost) || cost < 0 || cost > LARGEST_COST) {
    throw rangeError('ERR_SLUICE_COST', name, cost, expected);
  }
  return cost;
}

/** What native code takes for "the costs stand in the exchange". */
const COSTS_IN_EXCHANGE = -1;

/** The cost as native code takes it: one for all policies, or one for each, left in the exchange. */
export function readCost<Name extends string>(
  table: PolicyTable<Name>,
  cost: Cost<Name> | undefined,
  name = 'cost',
): number {
  if (cost === undefined) return 1;
  if (typeof cost !== 'object' || cost === null || Array.isArray(cost)) {
    return checkUnits(cost, name);
  }
  checkOptionNames(cost, table.names, name);
  const units = table.names.map((policy) => {
    const given = Object.hasOwn(cost, policy) ? cost[policy] : undefined;
    return given === undefined ? 1 : checkUnits(given, `${name}.${policy}`);
  });
  native.exchange.set(units);
  return COSTS_IN_EXCHANGE;
}
