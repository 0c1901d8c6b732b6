// Checks of a limiter's options and of its calls' arguments.

import { native } from '../native.js';
import { chargeOf, type PolicyTable } from './decision.js';
import {
  checkFlag,
  checkNumber,
  checkOptionNames,
  type NameCheck,
  nearest,
  rangeError,
  typeError,
  wholeNumber,
  withheld,
} from './errors.js';
import { OWN_LIMIT } from './operation.js';
import { ownOption } from './own-options.js';
import { internalsOf, isPolicy } from './policy.js';
import type { CommonOptions, Cost, Limits, OnStoreError, Policy } from './types.js';

/** Not digits alone: an object lists such names first, which would lose the declared order. */
const POLICY_NAME = /^(?!\d+$)[A-Za-z0-9_.-]{1,64}$/;
const POLICIES: NameCheck = { kind: 'policy' };
const LARGEST_COST = 2 ** 31 - 1;
const LARGEST_LIMIT = 2 ** 42;

function table<Name extends string>(
  names: readonly Name[],
  policies: readonly Policy[],
): PolicyTable<Name> {
  return {
    names,
    known: names,
    policies,
    hasShadow: policies.some(({ enforce }) => !enforce),
    hasSlots: policies.some(({ algorithm }) => algorithm === 'concurrency'),
  };
}

/** For a value in place of policies: users easily pass a URL or a client there, and both hold passwords. */
export function described(value: unknown): unknown {
  return typeof value === 'string' || Array.isArray(value) ? withheld(value) : value;
}

/** One policy is named 'default'; several are an object by name. `where`: 'policies', or 'plans.free'. */
export function readPolicies<Name extends string>(
  given: Policy | Readonly<Record<Name, Policy>>,
  where = 'policies',
): PolicyTable<Name> {
  if (isPolicy(given)) return table(['default' as Name], [given]);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const expected =
      'a policy, such as tokenBucket({...}), or an object of policies by name, such as { burst: tokenBucket({...}) }';
    throw typeError('ERR_SLUICE_POLICY', where, described(given), expected);
  }
  const names = Object.keys(given) as Name[];
  if (names.length < 1 || names.length > native.maxPolicies) {
    const expected = `1 to ${native.maxPolicies} policies by name, such as { burst: tokenBucket({...}) }`;
    throw rangeError('ERR_SLUICE_POLICY', where, names.length === 0 ? given : names, expected);
  }
  for (const name of names) {
    if (!POLICY_NAME.test(name)) {
      const expected =
        'named with 1 to 64 characters of A-Z a-z 0-9 _ . -, not digits alone (names go into headers and Redis keys)';
      throw rangeError('ERR_SLUICE_POLICY_NAME', where, name, expected);
    }
    if (!isPolicy(given[name])) {
      const expected = 'a policy, such as tokenBucket({...})';
      throw typeError('ERR_SLUICE_POLICY', `${where}.${name}`, described(given[name]), expected);
    }
  }
  return table(
    names,
    names.map((name) => given[name]),
  );
}

/**
 * Refuses policies in place of an object of `known` options that contains them.
 *
 * @throws TypeError `ERR_SLUICE_OPTIONS`
 */
export function refusePolicy(given: unknown, where: string, known: readonly string[]): void {
  if (isPolicy(given)) {
    const right = `{ policies: ${given.algorithm}({...}) }`;
    throw misplaced(given, 'a policy', where, right);
  }
  if (typeof given !== 'object' || given === null) return;
  for (const [name, value] of Object.entries(given)) {
    if (!isPolicy(value) || known.includes(name) || nearest(name, ['policies'])) continue;
    throw misplaced(given, `a policy as option '${name}'`, where, `{ policies: { ${name}: ... } }`);
  }
}

/** The error for an object in place of the options that should contain it. `right`: its right place. */
export function misplaced(given: unknown, what: string, where: string, right: string): TypeError {
  const expected = `given an object of options, such as ${where}(${right})`;
  return typeError('ERR_SLUICE_OPTIONS', where, withheld(given, what), expected);
}

function checkUnits(cost: unknown, name: string): number {
  return wholeNumber('ERR_SLUICE_COST', name, cost, 0, LARGEST_COST);
}

/** The cost: one for all policies, or one for each. `unnamed`: the cost of a policy without a name in it. */
export function readCost(
  { names, known }: Pick<PolicyTable<string>, 'names' | 'known'>,
  cost: Cost | undefined,
  name = 'cost',
  unnamed = 1,
): number | number[] {
  if (cost === undefined) return 1;
  if (typeof cost !== 'object' || cost === null || Array.isArray(cost)) {
    return checkUnits(cost, name);
  }
  if (
    chargeOf(cost) !== 'foreign' ||
    chargeOf(ownOption(cost as { of?: unknown }, 'of')) !== 'foreign'
  ) {
    const expected =
      'a whole number, with the decision behind it: credit(key, cost, { of: decision })';
    throw typeError('ERR_SLUICE_COST', name, withheld(cost, 'a decision'), expected);
  }
  const units = readByName(cost, known, name, checkUnits);
  return names.map((policy) => units.get(policy) ?? unnamed);
}

/** Reads an object by the names of policies, of this plan or another, and checks each value. */
function readByName(
  given: object,
  known: readonly string[],
  name: string,
  check: (value: unknown, name: string, policy: string) => number,
): ReadonlyMap<string, number> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const expected = `an object of numbers by policy name, such as { ${known[0]}: 5 }`;
    throw typeError('ERR_SLUICE_OPTIONS', name, given, expected);
  }
  checkOptionNames(given, known, name, POLICIES);
  const read = new Map<string, number>();
  for (const [policy, value] of Object.entries(given)) {
    if (value !== undefined) read.set(policy, check(value, `${name}.${policy}`, policy));
  }
  return read;
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

/** The limits of one call: one for each policy, `OWN_LIMIT` for its own; `undefined` if there are none. */
export function readLimits(
  { names, known, policies }: PolicyTable<string>,
  limits: Limits | undefined,
  name = 'limits',
): number[] | undefined {
  if (limits === undefined) return undefined;
  const read = readByName(limits, known, name, (given, name, policy) => {
    const own = policies[names.indexOf(policy)];
    const most = own === undefined ? LARGEST_LIMIT : internalsOf(own).largestLimit;
    return wholeNumber('ERR_SLUICE_LIMITS', name, given, 0, most);
  });
  return names.map((policy) => read.get(policy) ?? OWN_LIMIT);
}

/** In the order of their numbers in native code. */
export const STORE_ERROR_RULES: readonly OnStoreError[] = ['local', 'allow', 'deny', 'throw'];

/** The options of the store, with their defaults. */
export type StoreOptions = Required<Omit<CommonOptions, 'shardBy'>>;

/** @throws TypeError, RangeError `ERR_SLUICE_OPTIONS` */
export function readStoreOptions(options: CommonOptions): StoreOptions {
  const { prefix = 'sluice', onStoreError = 'local', deadlineMs = 100 } = options;
  const { localShare = 1, denialCache = true } = options;
  if (typeof prefix !== 'string' || prefix === '' || prefix.length > 128) {
    throw typeError('ERR_SLUICE_OPTIONS', 'prefix', prefix, 'a string of 1 to 128 characters');
  }
  if (!STORE_ERROR_RULES.includes(onStoreError)) {
    const expected = "'local', 'allow', 'deny' or 'throw'";
    throw rangeError('ERR_SLUICE_OPTIONS', 'onStoreError', onStoreError, expected);
  }
  const code = 'ERR_SLUICE_OPTIONS';
  const ms = 'a number of milliseconds from 1 to 60000';
  checkNumber(code, 'deadlineMs', deadlineMs, ms, (n) => n >= 1 && n <= 60_000);
  const share = 'a number above 0 and at most 1';
  checkNumber(code, 'localShare', localShare, share, (n) => n > 0 && n <= 1);
  checkFlag(code, 'denialCache', denialCache);
  return { prefix, onStoreError, localShare, deadlineMs, denialCache };
}
