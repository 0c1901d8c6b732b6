// createLimiter: policies, a store, and a rule for store failures.

import { checkOptionNames, refuseSecond, typeError, withheld } from './limiter/errors.js';
import { makeMemoryLimiter } from './limiter/memory-limiter.js';
import { MemoryStore, memory } from './limiter/memory-store.js';
import { misplaced, readStoreOptions, refusePolicy } from './limiter/options.js';
import { ownOptions } from './limiter/own-options.js';
import { readPlans } from './limiter/plans.js';
import type {
  CommonOptions,
  Key,
  KeyOf,
  Limiter,
  NamesOf,
  PlanNeeded,
  Plans,
  Policies,
  Policy,
  SyncLimiter,
  SyncPlanNeeded,
} from './limiter/types.js';
import { isClient } from './redis/external-client.js';
import { makeRedisLimiter } from './redis/make-limiter.js';
import { RedisStore } from './redis/store.js';

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

/** The same with plans. A call without one gets an overload of its own, whose error names the plans. */
export type PlannedLimiterOver<
  Store extends MemoryStore | RedisStore,
  Name extends string,
  K extends Key,
  Plan extends string,
> = Store extends RedisStore
  ? PlanNeeded<Plan> & Limiter<Name, K, Plan>
  : SyncPlanNeeded<Plan> & SyncLimiter<Name, K, Plan>;

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

type Given<Own, S> = Omit<LimiterOptions, 'policies' | 'plans' | 'store' | 'shardBy'> &
  Own & { store?: S };

/**
 * Makes a limiter of policies over a store. A check is admitted only if all policies admit it; else none is charged.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_*` naming the option at fault and its value; `ERR_SLUICE_POLICY_CLASH`
 *   if another limiter of this process gives one of the policies other numbers on the same Redis and prefix
 * @example
 * import { createLimiter, fixedWindow, redis, tokenBucket } from 'sluice';
 *
 * const limiter = createLimiter({
 *   policies: {
 *     burst: tokenBucket({ capacity: 20, refill: 10, every: '1s' }),
 *     daily: fixedWindow({ limit: 5000, window: '1d' }),
 *   },
 *   store: redis('redis://localhost:6379'), // default: memory()
 *   prefix: 'my-api',
 * });
 * const decision = await limiter.check('user:42');
 * if (!decision.allowed) console.log(`${decision.policy}: retry after ${decision.retryAfterMs} ms`);
 * await limiter.close();
 */
export function createLimiter<
  const P extends Policies,
  S extends MemoryStore | RedisStore = MemoryStore,
  const Shard extends string = never,
>(
  options: Given<{ policies: P; plans?: never; shardBy?: Shard }, S>,
): LimiterOver<S, NamesOf<P>, KeyOf<P, Shard>, never>;
/**
 * Makes a limiter of plans: sets of policies, one of which each check names. A policy of one name, algorithm and window
 * shares its state between plans, so an upgrade keeps the usage.
 *
 * @throws as with `policies`
 * @example
 * import { createLimiter, fixedWindow } from 'sluice';
 *
 * const limiter = createLimiter({
 *   plans: {
 *     free: { daily: fixedWindow({ limit: 100, window: '1d' }) },
 *     pro: { daily: fixedWindow({ limit: 10_000, window: '1d' }) },
 *   },
 * });
 * const { allowed, remaining } = await limiter.check('user:42', { plan: 'pro' });
 */
export function createLimiter<
  const P extends Plans,
  S extends MemoryStore | RedisStore = MemoryStore,
  const Shard extends string = never,
>(
  options: Given<{ plans: P; policies?: never; shardBy?: Shard }, S>,
): PlannedLimiterOver<S, NamesOf<P[keyof P]>, KeyOf<P[keyof P], Shard>, keyof P & string>;
/**
 * Makes a limiter in generic code, which learns policies or plans at run time. The compiler then checks no names.
 *
 * @throws as with `policies`
 * @example
 * import { createLimiter, type LimiterOptions, tokenBucket } from 'sluice';
 *
 * const withDefaults = (options: LimiterOptions) => createLimiter({ prefix: 'my-api', ...options });
 * const limiter = withDefaults({ policies: tokenBucket({ capacity: 20, every: '1s' }) });
 */
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
  const plans = readPlans(options);
  const storeOptions = readStoreOptions(options);
  const store = options.store === undefined ? memory() : options.store;
  if (store instanceof MemoryStore) return makeMemoryLimiter(plans, store, storeOptions.prefix);
  if (store instanceof RedisStore) {
    return makeRedisLimiter(plans, store, storeOptions, options.shardBy);
  }
  throw storeError(store);
}
