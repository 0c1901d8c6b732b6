// createLimiter: policies, a store, and a rule for store failures.

import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import type { PlanEngine } from './limiter/arguments.js';
import type { PolicyTable } from './limiter/decision.js';
import { durationUs } from './limiter/duration.js';
import type { Engine } from './limiter/engine.js';
import {
  checkOptionNames,
  rangeError,
  refuseSecond,
  SluiceError,
  typeError,
  withheld,
} from './limiter/errors.js';
import { KeyReader } from './limiter/keys.js';
import { MemoryEngine } from './limiter/memory-engine.js';
import { MemoryLimiter } from './limiter/memory-limiter.js';
import { MemoryStore, memory } from './limiter/memory-store.js';
import { described, misplaced, readPolicies, refusePolicy } from './limiter/options.js';
import { ownOptions } from './limiter/own-options.js';
import { callerPlace } from './limiter/place.js';
import { describePolicy, optionsOf, shareOf, toNative } from './limiter/policy.js';
import { monotonicMs } from './limiter/timers.js';
import type {
  Key,
  KeyOf,
  Limiter,
  NamesOf,
  OnStoreError,
  Plans,
  Policies,
  Policy,
  SyncLimiter,
} from './limiter/types.js';
import { type NativePolicy, native, type PolicyNumbers } from './native.js';
import { RedisEngine } from './redis/engine.js';
import { isClient } from './redis/external-client.js';
import { FaultWarnings } from './redis/fault-warnings.js';
import { RedisLimiter } from './redis/limiter.js';
import { RedisStore } from './redis/store.js';

/** The options of all limiters, besides policies or plans and a store. */
export interface CommonOptions {
  /** Limiters of one store, prefix and policy name share state. Default 'sluice'. */
  prefix?: string;
  /**
   * The rule for a check that Redis does not answer within `deadlineMs`. 'local' (default) decides in this process by
   * the same policies, 'allow' and 'deny' do that, and 'throw' rejects with `ERR_SLUICE_STORE_UNAVAILABLE`. A memory
   * store does not fail.
   */
  onStoreError?: OnStoreError;
  /**
   * Under 'local': the part of each limit and rate that this process allows by itself, above 0 and up to 1 (the
   * default), such as 1 / the number of processes. Rounded down, but at least 1.
   */
  localShare?: number;
  /** How long a check waits for Redis, in ms: 1 to 60,000, default 100. */
  deadlineMs?: number;
  /**
   * Whether this process caches denials. For up to a second after one, and never longer than its `retryAfterMs`, it
   * answers repeat calls itself (`decision.source` is then 'cache'). Default true; `false`: every check asks Redis. A
   * memory store needs no cache.
   */
  denialCache?: boolean;
  /**
   * The part of the key that puts all of a check's states on one slot of a Redis cluster, and so keeps a check over
   * several keys atomic there. For policies with `by`.
   */
  shardBy?: string;
}

/** The parts of a limiter. */
export interface LimiterOptions<
  Name extends string = string,
  Store extends MemoryStore | RedisStore = MemoryStore | RedisStore,
> extends CommonOptions {
  /** One policy, then named 'default'; or up to 16 by name: a check is admitted only if all admit it. */
  policies?: Policy | Readonly<Record<Name, Policy>>;
  /** Instead of `policies`: sets of them, one of which each check names. A policy of one name, algorithm and window shares its state between plans. */
  plans?: Readonly<Record<string, Policy | Readonly<Record<Name, Policy>>>>;
  /** Default: a new `memory()`. */
  store?: Store;
}

/** The type of limiter that `createLimiter` makes over a store. */
export type LimiterOver<
  Store extends MemoryStore | RedisStore,
  Name extends string,
  K extends Key,
  Plan extends string,
> = Store extends RedisStore ? Limiter<Name, K, Plan> : SyncLimiter<Name, K, Plan>;

/** The names of a limiter's options. As an object, so that one forgotten here does not compile. */
export const LIMITER_OPTIONS: Readonly<Record<keyof LimiterOptions, true>> = {
  policies: true,
  plans: true,
  store: true,
  prefix: true,
  onStoreError: true,
  localShare: true,
  deadlineMs: true,
  denialCache: true,
  shardBy: true,
};
const RULES: readonly OnStoreError[] = ['local', 'allow', 'deny', 'throw'];
/** Keys remembered while Redis does not answer. */
const LOCAL_KEYS = 1_000_000;

/** A set of policies, with the name of its plan if there are plans. */
interface Set {
  readonly plan: string | undefined;
  readonly table: PolicyTable<string>;
  readonly keys: KeyReader;
}

/**
 * The text that separates the ids of this limiter's checks from those of another with its prefix: its plans and
 * policies, as far as a state depends on them. After a change of numbers in a new version, ids stay known.
 */
function idScopeOf(sets: readonly Set[]): string {
  return JSON.stringify(
    sets.map(({ plan, table: { names, policies } }) => [
      plan,
      names.map((name, i) => {
        const [, algorithm, , , spanUs, mode] = toNative(name, policies[i]!);
        return [name, algorithm, spanUs, mode];
      }),
    ]),
  );
}

function readSets({ policies, plans, shardBy }: LimiterOptions): Set[] {
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

/** Plans share the states of policies with one name, so these must count by the same parts; keys are of one kind. */
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

function checkCommon(options: CommonOptions) {
  const { prefix = 'sluice', onStoreError = 'local', deadlineMs = 100 } = options;
  const { localShare = 1, denialCache = true } = options;
  if (typeof prefix !== 'string' || prefix === '' || prefix.length > 128) {
    throw typeError('ERR_SLUICE_OPTIONS', 'prefix', prefix, 'a string of 1 to 128 characters');
  }
  if (!RULES.includes(onStoreError)) {
    const expected = "'local', 'allow', 'deny' or 'throw'";
    throw rangeError('ERR_SLUICE_OPTIONS', 'onStoreError', onStoreError, expected);
  }
  if (typeof deadlineMs !== 'number') {
    throw typeError('ERR_SLUICE_OPTIONS', 'deadlineMs', deadlineMs, 'a number of milliseconds');
  }
  if (!(deadlineMs >= 1 && deadlineMs <= 60_000)) {
    const expected = 'from 1 to 60000 milliseconds';
    throw rangeError('ERR_SLUICE_OPTIONS', 'deadlineMs', deadlineMs, expected);
  }
  if (typeof localShare !== 'number') {
    throw typeError('ERR_SLUICE_OPTIONS', 'localShare', localShare, 'a number');
  }
  if (!(localShare > 0 && localShare <= 1)) {
    throw rangeError('ERR_SLUICE_OPTIONS', 'localShare', localShare, 'above 0 and at most 1');
  }
  if (typeof denialCache !== 'boolean') {
    throw typeError('ERR_SLUICE_OPTIONS', 'denialCache', denialCache, 'true or false');
  }
  return { prefix, onStoreError, localShare, deadlineMs, denialCache };
}

function enginesOver<E extends Engine<string>>(
  sets: readonly Set[],
  make: (table: PolicyTable<string>, index: number) => E,
): PlanEngine<string, E>[] {
  return sets.map(({ plan, table, keys }, i) => ({ plan, keys, engine: make(table, i) }));
}

/** The longest text about one policy's numbers. Redis sends it back, warnings show it. */
const LONGEST_NUMBERS = 200;

/** The distinct numbers that plans give one policy, as one text that differs where they do. */
function joinNumbers(texts: readonly string[]): string {
  const distinct = [...new Set(texts)].sort();
  const all = distinct.join(' or ');
  if (all.length <= LONGEST_NUMBERS) return all;
  const digest = createHash('sha256').update(all).digest('hex').slice(0, 16);
  return `${all.slice(0, LONGEST_NUMBERS - 60)}... (${distinct.length} in all, digest ${digest})`;
}

/** The numbers of all plans' policies, by name. */
function numbersOf(sets: readonly Set[]): PolicyNumbers[] {
  const all = new Map<string, string[]>();
  for (const { table } of sets) {
    for (const [i, name] of table.names.entries()) {
      const texts = all.get(name) ?? [];
      texts.push(describePolicy(table.policies[i]!));
      all.set(name, texts);
    }
  }
  return [...all].map(([name, texts]) => [name, joinNumbers(texts)]);
}

/** Claims the numbers of these policies, so that no other limiter reads their states on this server differently. */
function claim(numbers: readonly PolicyNumbers[], store: RedisStore, prefix: string): () => void {
  const here = callerPlace();
  const claimed = native.claimPolicies(`${store.scope} ${prefix}`, numbers, here ?? '');
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
    const policy = shareOf(toNative(name, policies[i]!), share);
    if (native.policyFault(policy) === 0) return policy;
    const expected = `large enough for policy '${name}', whose rate would be too slow`;
    throw rangeError('ERR_SLUICE_OPTIONS', 'localShare', share, expected);
  });
}

/** A cluster decides on several keys together only if they share a slot. */
function checkSlots(sets: readonly Set[], shardBy: string | undefined): void {
  if (shardBy !== undefined) return;
  for (const { table } of sets) {
    const [first, ...others] = table.policies;
    if (others.every(({ by }) => by?.join() === first!.by?.join())) continue;
    const expected =
      "given: the policies count by different parts of the key ('by'), and a cluster decides on keys together only where they share a slot";
    throw rangeError('ERR_SLUICE_CROSS_SLOT', 'shardBy', undefined, expected);
  }
}

function redisLimiter(sets: readonly Set[], store: RedisStore, options: LimiterOptions) {
  if (store.isCluster) checkSlots(sets, options.shardBy);
  const { prefix, onStoreError, localShare, deadlineMs, denialCache } = checkCommon(options);
  const local = sets.map(({ table }) => shareOfAll(table, localShare));
  const idScope = idScopeOf(sets);
  const numbers = numbersOf(sets);
  const unclaim = claim(numbers, store, prefix);
  const warnings = new FaultWarnings(monotonicMs);
  const engines = enginesOver(sets, (table, i) => {
    const limiter = native.makeRedisLimiter({
      ...store.transport(),
      policies: table.names.map((name, i) => toNative(name, table.policies[i]!)),
      localPolicies: local[i]!,
      localShare,
      prefix,
      onStoreError: RULES.indexOf(onStoreError),
      deadlineUs: durationUs(deadlineMs, 'deadlineMs'),
      denialCache,
      idScope,
      plan: sets[i]!.plan ?? '',
      description: describeSet(sets[i]!, prefix, options.shardBy),
      numbers: i === 0 ? numbers : [],
      localStore: `${store.server} ${prefix}`,
      maxKeys: LOCAL_KEYS,
    });
    return new RedisEngine(limiter, table, store, warnings);
  });
  return new RedisLimiter(engines, unclaim);
}

/** A URL or a client holds a password, and users easily pass either as the store. */
function storeError(given: unknown): TypeError {
  let hint = '';
  if (typeof given === 'string') hint = ', such as redis(url)';
  if (typeof given === 'function') hint = ', the result of a call';
  if (typeof given === 'object' && given !== null && isClient(given)) {
    hint = ', such as redis({ client })';
  }
  const expected = `memory() or redis(...)${hint}`;
  return typeError('ERR_SLUICE_OPTIONS', 'store', withheld(given), expected);
}

/** The text for tools under `<prefix>:meta:*`; docs/redis.md explains it. */
function describeSet({ plan, table }: Set, prefix: string, shardBy: string | undefined): string {
  const policies = table.names.map((name, i) => {
    const policy = table.policies[i]!;
    const state = native.stateTag(toNative(name, policy));
    return { name, algorithm: policy.algorithm, state, options: optionsOf(policy) };
  });
  return JSON.stringify({ format: 1, prefix, plan, shardBy, policies });
}

type Given<Own, S> = Omit<LimiterOptions, 'policies' | 'plans' | 'store' | 'shardBy'> &
  Own & { store?: S };

/**
 * Makes a limiter.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_*` naming the option at fault and its value; `ERR_SLUICE_POLICY_CLASH`
 *   if another limiter of this process gives one of the policies other numbers on the same Redis and prefix
 */
export function createLimiter<
  const P extends Policies,
  S extends MemoryStore | RedisStore = MemoryStore,
  const Shard extends string = never,
>(
  options: Given<{ policies: P; plans?: never; shardBy?: Shard }, S>,
): LimiterOver<S, NamesOf<P>, KeyOf<P, Shard>, never>;
export function createLimiter<
  const P extends Plans,
  S extends MemoryStore | RedisStore = MemoryStore,
  const Shard extends string = never,
>(
  options: Given<{ plans: P; policies?: never; shardBy?: Shard }, S>,
): LimiterOver<S, NamesOf<P[keyof P]>, KeyOf<P[keyof P], Shard>, keyof P & string>;
/** For code that is generic itself. */
export function createLimiter<Name extends string, O extends LimiterOptions<Name>>(
  options: O & (O extends { policies: object; plans: object } ? never : unknown),
): Limiter<Name, Key, string>;
export function createLimiter(given: LimiterOptions, second?: unknown): unknown {
  const known = Object.keys(LIMITER_OPTIONS);
  refusePolicy(given, 'createLimiter', known);
  if ((given as unknown) instanceof MemoryStore || (given as unknown) instanceof RedisStore) {
    throw misplaced(given, 'a store', 'createLimiter', '{ policies, store }');
  }
  checkOptionNames(given, known, 'createLimiter', { secret: true });
  refuseSecond(second, 'createLimiter', 'createLimiter({ policies, store })');
  const options = ownOptions(given);
  const sets = readSets(options);
  const { prefix } = checkCommon(options);
  const store = options.store === undefined ? memory() : options.store;
  if (store instanceof MemoryStore) {
    const idScope = idScopeOf(sets);
    const engines = enginesOver(
      sets,
      (table, i) => new MemoryEngine(table, store, prefix, idScope, sets[i]!.plan ?? ''),
    );
    return new MemoryLimiter(engines, store);
  }
  if (store instanceof RedisStore) return redisLimiter(sets, store, options);
  throw storeError(store);
}
