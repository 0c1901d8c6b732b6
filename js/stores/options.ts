// The options of the stores for other libraries' limiters.

import { checkOptionNames, rangeError, typeError } from '../limiter/errors.js';
import { MemoryStore } from '../limiter/memory-store.js';
import { ownOptions } from '../limiter/own-options.js';
import type { CommonOptions } from '../limiter/types.js';
import { RedisStore } from '../redis/store.js';

export type Store = MemoryStore | RedisStore;

/** Whether `value` is the result of `memory()` or `redis(...)`. */
export function isSluiceStore(value: unknown): value is Store {
  return value instanceof MemoryStore || value instanceof RedisStore;
}

/** The options of a store for another library's limiter. */
export interface StoreOptions
  extends Pick<CommonOptions, 'prefix' | 'localShare' | 'deadlineMs' | 'denialCache'> {
  /** The place of the counts: `memory()` or `redis(...)` of 'sluice'. Default: a new `memory()`. */
  store?: Store;
  /**
   * The rule for calls that Redis does not answer within `deadlineMs`: 'local' (default) counts in this process, 'throw'
   * rejects with `ERR_SLUICE_STORE_UNAVAILABLE`. ('allow' and 'deny' have no counts to return.)
   */
  onStoreError?: 'local' | 'throw';
}

const STORE_OPTIONS: Readonly<Record<keyof StoreOptions, true>> = {
  store: true,
  prefix: true,
  onStoreError: true,
  localShare: true,
  deadlineMs: true,
  denialCache: true,
};

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
  const known = [...Object.keys(STORE_OPTIONS), ...further];
  checkOptionNames(given, known, where, { secret: true });
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
