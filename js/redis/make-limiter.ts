// Makes limiters over Redis.

import { createHash } from 'node:crypto';
import type { PolicyTable } from '../limiter/decision.js';
import { durationUs } from '../limiter/duration.js';
import { rangeError, SluiceError } from '../limiter/errors.js';
import { STORE_ERROR_RULES, type StoreOptions } from '../limiter/options.js';
import { callerPlace } from '../limiter/place.js';
import { idScopeOf, type PlanPolicies } from '../limiter/plans.js';
import { describePolicy, internalsOf, toNative } from '../limiter/policy.js';
import { monotonicMs } from '../limiter/timers.js';
import { type NativePolicy, native, type PolicyNumbers } from '../native.js';
import { RedisEngine } from './engine.js';
import { FaultWarnings } from './fault-warnings.js';
import { RedisLimiter } from './limiter.js';
import type { RedisStore } from './store.js';

/** The most keys of the fallback store. */
const LOCAL_KEYS = 1_000_000;

/** The longest text about one policy's numbers: Redis sends it back, and warnings show it. */
const LONGEST_NUMBERS = 200;

/** Joins the distinct numbers that plans give one policy; other numbers give another text. */
function joinNumbers(texts: readonly string[]): string {
  const distinct = [...new Set(texts)].sort();
  const all = distinct.join(' or ');
  if (all.length <= LONGEST_NUMBERS) return all;
  const digest = createHash('sha256').update(all).digest('hex').slice(0, 16);
  return `${all.slice(0, LONGEST_NUMBERS - 60)}... (${distinct.length} in all, digest ${digest})`;
}

/** The numbers of each policy, over all plans. */
function numbersOf(plans: readonly PlanPolicies[]): PolicyNumbers[] {
  const all = new Map<string, string[]>();
  for (const { table } of plans) {
    for (const [i, name] of table.names.entries()) {
      const texts = all.get(name) ?? [];
      texts.push(describePolicy(table.policies[i]!));
      all.set(name, texts);
    }
  }
  return [...all].map(([name, texts]) => [name, joinNumbers(texts)]);
}

/** Claims the policies' names for these numbers, on this server and prefix; the result releases them. */
function claim(numbers: readonly PolicyNumbers[], store: RedisStore, prefix: string): () => void {
  const here = callerPlace();
  const claimed = native.claimPolicies(`${store.transport.scope} ${prefix}`, numbers, here ?? '');
  if (typeof claimed === 'function') return claimed;
  const [index, there, place] = claimed;
  const [name, own] = numbers[index]!;
  const made = place === '' ? '' : `, made at ${place}`;
  throw new SluiceError(
    'ERR_SLUICE_POLICY_CLASH',
    `policy '${name}' is ${own} here${here ? ` (${here})` : ''}, but ${there} in another limiter of this process on the same server and prefix ('${prefix}')${made}: they would share their counts. Close that limiter first, or give one of them another name or prefix`,
  );
}

function shareOfAll({ names, policies }: PolicyTable<string>, share: number): NativePolicy[] {
  return names.map((name, i) => {
    const policy = toNative(name, policies[i]!, share);
    if (native.policyFault(policy) === 0) return policy;
    const expected = `large enough for policy '${name}', whose rate would be too slow`;
    throw rangeError('ERR_SLUICE_OPTIONS', 'localShare', share, expected);
  });
}

/** A cluster decides on several keys together only where they share a slot. */
function checkSlots(plans: readonly PlanPolicies[], shardBy: string | undefined): void {
  if (shardBy !== undefined) return;
  for (const { table } of plans) {
    const [first, ...others] = table.policies;
    if (others.every(({ by }) => by?.join() === first!.by?.join())) continue;
    const expected =
      "given: the policies count by different parts of the key ('by'), and a cluster decides on keys together only where they share a slot";
    throw rangeError('ERR_SLUICE_CROSS_SLOT', 'shardBy', undefined, expected);
  }
}

/** Makes a limiter over Redis. @throws as `createLimiter` */
export function makeRedisLimiter(
  plans: readonly PlanPolicies[],
  store: RedisStore,
  { prefix, onStoreError, localShare, deadlineMs, denialCache }: StoreOptions,
  shardBy: string | undefined,
) {
  if (store.transport.isCluster) checkSlots(plans, shardBy);
  const local = plans.map(({ table }) => shareOfAll(table, localShare));
  const idScope = idScopeOf(plans);
  const numbers = numbersOf(plans);
  const unclaim = claim(numbers, store, prefix);
  const warnings = new FaultWarnings(monotonicMs);
  const engines = plans.map((plan, i) => {
    const { table } = plan;
    const limiter = native.makeRedisLimiter({
      ...store.transport.native,
      policies: table.names.map((name, i) => toNative(name, table.policies[i]!)),
      localPolicies: local[i]!,
      localShare,
      prefix,
      onStoreError: STORE_ERROR_RULES.indexOf(onStoreError),
      deadlineUs: durationUs(deadlineMs, 'deadlineMs'),
      denialCache,
      idScope,
      plan: plan.plan ?? '',
      description: describePlan(plan, prefix, shardBy),
      numbers: i === 0 ? numbers : [],
      localStore: `${store.transport.server} ${prefix}`,
      maxKeys: LOCAL_KEYS,
    });
    return new RedisEngine(limiter, plan, store, warnings);
  });
  return new RedisLimiter(engines, unclaim, `${prefix} ${idScope}`);
}

/** The description of a plan that is stored under `<prefix>:meta:*`; see docs/redis.md. */
function describePlan(
  { plan, table }: PlanPolicies,
  prefix: string,
  shardBy: string | undefined,
): string {
  const policies = table.names.map((name, i) => {
    const policy = table.policies[i]!;
    const state = native.stateTag(toNative(name, policy));
    return { name, algorithm: policy.algorithm, state, options: internalsOf(policy).options };
  });
  return JSON.stringify({ format: 1, prefix, plan, shardBy, policies });
}
