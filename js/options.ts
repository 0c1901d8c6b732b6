// Checks what a limiter is made of and asked with.

import { OWN_LIMIT } from './call.js';
import type { PolicyTable } from './decision.js';
import { checkOptionNames, rangeError, typeError } from './errors.js';
import { native } from './native.js';
import { isPolicy, largestLimitOf } from './policy.js';
import type { Cost, Limits, Policy } from './types.js';

/** Not digits alone: an object lists such names first, so that the order declared would be lost. */
const POLICY_NAME = /^(?!\d+$)[A-Za-z0-9_.-]{1,64}$/;
const LARGEST_COST = 2 ** 31 - 1;

function table<Name extends string>(
  names: readonly Name[],
  policies: readonly Policy[],
): PolicyTable<Name> {
  return {
    names,
    policies,
    hasShadow: policies.some(({ enforce }) => !enforce),
    hasSlots: policies.some(({ algorithm }) => algorithm === 'concurrency'),
  };
}

/** One policy is named 'default'; several are an object by name. `where`: 'policies', or 'plans.free'. */
export function readPolicies<Name extends string>(
  given: Policy | Readonly<Record<Name, Policy>>,
  where = 'policies',
): PolicyTable<Name> {
  if (isPolicy(given)) return table(['default' as Name], [given]);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const expected = 'a policy, or an object of policies by name';
    throw typeError('ERR_SLUICE_POLICY', where, given, expected);
  }
  const names = Object.keys(given) as Name[];
  if (names.length < 1 || names.length > native.maxPolicies) {
    throw rangeError('ERR_SLUICE_POLICY', where, names, `1 to ${native.maxPolicies} policies`);
  }
  for (const name of names) {
    if (!POLICY_NAME.test(name)) {
      const expected =
        'named with 1 to 64 characters of A-Z a-z 0-9 _ . -, not digits alone (names go into headers and Redis keys)';
      throw rangeError('ERR_SLUICE_POLICY_NAME', where, name, expected);
    }
    if (!isPolicy(given[name])) {
      const expected = 'a policy, such as tokenBucket({...})';
      throw typeError('ERR_SLUICE_POLICY', `${where}.${name}`, given[name], expected);
    }
  }
  return table(
    names,
    names.map((name) => given[name]),
  );
}

function checkUnits(cost: unknown, name: string): number {
  const expected = 'a whole number from 0 to 2147483647';
  if (typeof cost !== 'number') throw typeError('ERR_SLUICE_COST', name, cost, expected);
  if (!Number.isInteger(cost) || cost < 0 || cost > LARGEST_COST) {
    throw rangeError('ERR_SLUICE_COST', name, cost, expected);
  }
  return cost;
}

/** The cost: one for all policies, or one for each. `unnamed`: what a policy costs that is not named. */
export function readCost(
  names: readonly string[],
  cost: Cost | undefined,
  name = 'cost',
  unnamed = 1,
): number | number[] {
  if (cost === undefined) return 1;
  if (typeof cost !== 'object' || cost === null || Array.isArray(cost)) {
    return checkUnits(cost, name);
  }
  checkOptionNames(cost, names, name);
  return names.map((policy) => {
    const given = Object.hasOwn(cost, policy) ? cost[policy] : undefined;
    return given === undefined ? unnamed : checkUnits(given, `${name}.${policy}`);
  });
}

const LONGEST_ID = 128;

/** The id of a check, if it has one. */
export function readId(id: unknown, name = 'id'): string | undefined {
  if (id === undefined) return undefined;
  const expected = `a string of 1 to ${LONGEST_ID} characters`;
  if (typeof id !== 'string') throw typeError('ERR_SLUICE_ID', name, id, expected);
  if (id === '' || id.length > LONGEST_ID) throw rangeError('ERR_SLUICE_ID', name, id, expected);
  return id;
}

/** The limits of one call: one for each policy, `OWN_LIMIT` for its own; `undefined` if nothing was said. */
export function readLimits(
  { names, policies }: PolicyTable<string>,
  limits: Limits | undefined,
  name = 'limits',
): number[] | undefined {
  if (limits === undefined) return undefined;
  checkOptionNames(limits, names, name);
  return names.map((policy, i) => {
    const given: unknown = Object.hasOwn(limits, policy) ? limits[policy] : undefined;
    if (given === undefined) return OWN_LIMIT;
    const most = largestLimitOf(policies[i]!);
    const expected = `a whole number from 0 to ${most}`;
    if (typeof given !== 'number') {
      throw typeError('ERR_SLUICE_LIMITS', `${name}.${policy}`, given, expected);
    }
    if (!Number.isInteger(given) || given < 0 || given > most) {
      throw rangeError('ERR_SLUICE_LIMITS', `${name}.${policy}`, given, expected);
    }
    return given;
  });
}
