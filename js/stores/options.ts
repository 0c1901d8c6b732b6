// The options of the stores for other libraries' limiters.

import { LIMITER_OPTIONS, type LimiterOptions } from '../create-limiter.js';
import { checkOptionNames, rangeError, typeError } from '../limiter/errors.js';
import { MemoryStore } from '../limiter/memory-store.js';
import { ownOptions } from '../limiter/own-options.js';
import { RedisStore } from '../redis/store.js';

export type Store = MemoryStore | RedisStore;

/** Whether `value` is the result of `memory()` or `redis(...)`. */
export function isSluiceStore(value: unknown): value is Store {
  return value instanceof MemoryStore || value instanceof RedisStore;
}

/** The options of a limiter that other libraries set in their own way: one policy, without plans or parts of keys. */
const OTHERS = ['policies', 'plans', 'shardBy'] as const;

/** The options of a store for another library's limiter. */
export interface StoreOptions
  extends Omit<LimiterOptions, (typeof OTHERS)[number] | 'store' | 'onStoreError'> {
  /** The place of the counts: `memory()` or `redis(...)` of 'sluice'. Default: a new `memory()`. */
  store?: Store;
  /**
   * The rule for calls that Redis does not answer within `deadlineMs`: 'local' (default) counts in this process, 'throw'
   * rejects with `ERR_SLUICE_STORE_UNAVAILABLE`. ('allow' and 'deny' have no counts to return.)
   */
  onStoreError?: 'local' | 'throw';
}

const OTHER_NAMES: readonly string[] = OTHERS;
const STORE_OPTIONS = Object.keys(LIMITER_OPTIONS).filter((name) => !OTHER_NAMES.includes(name));

/**
 * The options without inherited ones. `createLimiter` checks the values of all but `onStoreError`.
 *
 * @throws TypeError, RangeError `ERR_SLUICE_OPTIONS` that name the option and the value
 */
export function readStoreOptions<Options extends StoreOptions>(
  given: Options,
  where: string,
  further: readonly string[] = [],
): Options {
  checkOptionNames(given, [...STORE_OPTIONS, ...further], where, { secret: true });
  const options = ownOptions(given);
  const { onStoreError, prefix } = options;
  if (onStoreError !== undefined && onStoreError !== 'local' && onStoreError !== 'throw') {
    throw rangeError(
      'ERR_SLUICE_OPTIONS',
      `${where}.onStoreError`,
      onStoreError,
      "'local' or 'throw'",
    );
  }
  if (prefix !== undefined && (typeof prefix !== 'string' || prefix === '')) {
    throw typeError('ERR_SLUICE_OPTIONS', `${where}.prefix`, prefix, 'a string that is not empty');
  }
  return options;
}

/** Removes options that are `undefined`. */
export function limiterOptionsOf(options: StoreOptions): Omit<StoreOptions, 'prefix' | 'store'> {
  const { onStoreError, localShare, deadlineMs, denialCache } = options;
  const entries = Object.entries({ onStoreError, localShare, deadlineMs, denialCache });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
