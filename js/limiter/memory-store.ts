// memory(): a store in this process. Stores are values; limiters use them.

import { type NativeStore, native } from '../native.js';
import { type Clock, WALL_OFFSET_US } from './clock.js';
import { checkOptionNames, SluiceError, typeError, wholeNumber } from './errors.js';
import { ownOptions } from './own-options.js';

/** Options of a memory store. */
export interface MemoryOptions {
  /**
   * Stores with the same name are one store, in all threads of the process, while any of them is in use. Without a
   * name, each call makes a new store.
   */
  name?: string;
  /**
   * The most keys (times policies) to remember: a whole number from 1 to 2^32, default 1,000,000. Beyond that a new
   * key evicts an expired one, or the least used one nearby; denied ones last.
   */
  maxKeys?: number;
  /** For tests: `manualClock()` or `dateClock()` of 'sluice/testing'. Default: the machine's clock, which counts sleep and never steps. */
  clock?: Clock;
}

/** State in this process. Made by `memory()`. */
export class MemoryStore {
  /** Tells the kinds of stores apart. */
  readonly kind = 'memory';
  /** @internal */
  readonly native: NativeStore;
  /** @internal */
  readonly clock: Clock | undefined;

  /** @internal */
  constructor(store: NativeStore, clock: Clock | undefined) {
    this.native = store;
    this.clock = clock;
    Object.defineProperty(this, 'native', { enumerable: false });
  }
}

const MOST_KEYS = 2 ** 32;

/**
 * Keeps state in this process: the default store. All worker threads that open one `name` share its state.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_OPTIONS` for options that cannot be used;
 *   `ERR_SLUICE_STORE_CLASH` if a store of that name is open with other options
 * @example
 * import { createLimiter, memory, tokenBucket } from 'sluice';
 *
 * const limiter = createLimiter({
 *   policies: tokenBucket({ capacity: 20, refill: 10, every: '1s' }),
 *   store: memory({ name: 'api', maxKeys: 100_000 }),
 * });
 * const { allowed } = limiter.checkSync('user:42');
 */
export function memory(options: MemoryOptions = {}): MemoryStore {
  checkOptionNames(options, ['name', 'maxKeys', 'clock'], 'memory');
  const { name, maxKeys = 1_000_000, clock } = ownOptions(options);
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw typeError('ERR_SLUICE_OPTIONS', 'memory.name', name, 'a string that is not empty');
  }
  wholeNumber('ERR_SLUICE_OPTIONS', 'memory.maxKeys', maxKeys, 1, MOST_KEYS, '2^32');
  if (clock !== undefined && typeof clock?.now !== 'function') {
    throw typeError(
      'ERR_SLUICE_OPTIONS',
      'memory.clock',
      clock,
      'an object with a function now(), such as manualClock()',
    );
  }
  const store = native.openMemoryStore(
    name,
    maxKeys,
    clock !== undefined,
    clock === undefined ? 0 : WALL_OFFSET_US,
  );
  if (store === undefined) {
    throw new SluiceError(
      'ERR_SLUICE_STORE_CLASH',
      `a memory store named '${name}' is open with another maxKeys or kind of clock`,
    );
  }
  return new MemoryStore(store, clock);
}
