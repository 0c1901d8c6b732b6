// The policies of a limiter, by plan.

import { inspect } from 'node:util';
import type { PolicyTable } from './decision.js';
import { rangeError, typeError } from './errors.js';
import { KeyReader } from './keys.js';
import { described, readPolicies } from './options.js';
import { stateNumbersOf } from './policy.js';
import type { Plans, Policies, Policy } from './types.js';

/** The options that say what a limiter allows. */
interface PlanOptions {
  readonly policies?: Policies;
  readonly plans?: Plans;
  readonly shardBy?: string;
}

/** The policies of one plan. */
export interface PlanPolicies<Name extends string = string> {
  /** `undefined` where the limiter has no plans. */
  readonly plan: string | undefined;
  readonly table: PolicyTable<Name>;
  readonly keys: KeyReader;
}

/**
 * The scope of the ids of a limiter's checks. Two limiters with one prefix share ids only if their plans and policies are
 * the same, as far as states depend on them. A new version of a program may change numbers, and still knows its ids.
 */
export function idScopeOf(plans: readonly PlanPolicies[]): string {
  return JSON.stringify(
    plans.map(({ plan, table: { names, policies } }) => [
      plan,
      names.map((name, i) => {
        const policy = policies[i]!;
        return [name, policy.algorithm, ...stateNumbersOf(policy)];
      }),
    ]),
  );
}

/** Reads `policies`, or `plans`. @throws TypeError, RangeError `ERR_SLUICE_*` */
export function readPlans({ policies, plans, shardBy }: PlanOptions): PlanPolicies[] {
  if (shardBy !== undefined && typeof shardBy !== 'string') {
    throw typeError('ERR_SLUICE_OPTIONS', 'shardBy', shardBy, 'the name of a part of the key');
  }
  if (plans === undefined) {
    const table = readPolicies(policies!);
    return [{ plan: undefined, table, keys: new KeyReader(table.names, table.policies, shardBy) }];
  }
  if (policies !== undefined) {
    throw typeError('ERR_SLUICE_OPTIONS', 'policies', policies, "left out beside 'plans'");
  }
  if (typeof plans !== 'object' || plans === null || Array.isArray(plans)) {
    throw typeError(
      'ERR_SLUICE_OPTIONS',
      'plans',
      described(plans),
      'an object of policies by plan',
    );
  }
  const names = Object.keys(plans);
  if (names.length === 0) {
    throw rangeError('ERR_SLUICE_OPTIONS', 'plans', plans, 'given at least one plan');
  }
  const read = names.map((plan) => readPolicies(plans[plan]!, `plans.${plan}`));
  const allPolicies = [...new Set(read.flatMap(({ names }) => names))];
  const tables = read.map((table) => ({ ...table, known: allPolicies }));
  checkParts(names, tables);
  const known = tables.flatMap(({ policies }) => policies.flatMap(({ by }) => by ?? []));
  return names.map((plan, i) => {
    const table = tables[i]!;
    const where = `plans.${plan}`;
    const keys = new KeyReader(table.names, table.policies, shardBy, where, known);
    return { plan, table, keys };
  });
}

/** Plans share the states of policies of one name, so these count by the same; and keys are of one kind. */
function checkParts(plans: readonly string[], tables: readonly PolicyTable<string>[]): void {
  const seen = new Map<string, Policy['by']>();
  const plain = tables[0]!.policies[0]!.by === undefined;
  for (const [i, { names, policies }] of tables.entries()) {
    for (const [j, { by }] of policies.entries()) {
      const name = names[j]!;
      const where = `plans.${plans[i]}.${name}.by`;
      const before = seen.has(name) ? seen.get(name) : by;
      seen.set(name, before);
      if (before?.join() !== by?.join()) {
        const expected = `${inspect(before)} as in other plans, which share the count`;
        throw rangeError('ERR_SLUICE_POLICY', where, by, expected);
      }
      if (plain !== (by === undefined) && i > 0) {
        const expected = 'given in all plans or in none';
        throw rangeError('ERR_SLUICE_POLICY', where, by, expected);
      }
    }
  }
}
