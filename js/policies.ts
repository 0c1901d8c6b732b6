// Policies: an algorithm and its numbers.

import { durationUs } from './duration.js';
import { checkOptionNames, rangeError, typeError } from './errors.js';
import { type NativePolicy, native } from './native.js';
import type { Duration, Policy } from './types.js';

/** The largest limit, so that its arithmetic stays exact in Lua's doubles. */
const LARGEST_LIMIT = 2 ** 42;

/** See core/policy_fault.h. */
const enum PolicyFault {
  Capacity = 1,
  Rate = 2,
  Every = 3,
  RateRounding = 4,
  RefillTooLong = 5,
}

/** A token bucket's numbers. */
export interface TokenBucketOptions {
  /** The most tokens the bucket holds, and so the largest burst: a whole number from 1 to 2^42. It starts full. */
  capacity: number;
  /** Tokens that flow back every `every`, continuously: a whole number from 1 to 2^42. Default: `capacity`. */
  refill?: number;
  /** The time in which `refill` tokens flow back. */
  every: Duration;
}

/** The numbers of the generic cell rate algorithm. */
export interface GcraOptions {
  /** Units admitted every `every` in the long run: a whole number from 1 to 2^42. */
  limit: number;
  /** The time for `limit` units. */
  every: Duration;
  /** Units admitted at once: a whole number from 1 to 2^42. Default: `limit`; 1 spaces calls evenly. */
  burst?: number;
}

/** A leaky bucket's numbers. */
export interface LeakyBucketOptions {
  /** The most units in the bucket, and so the longest queue: a whole number from 1 to 2^42. It starts empty. */
  capacity: number;
  /** Units that leak out every `every`, continuously: a whole number from 1 to 2^42. */
  leak: number;
  /** The time in which `leak` units leak out. */
  every: Duration;
  /**
   * 'police' (default) denies what would overflow. 'shape' also tells how long to hold each admitted call back
   * (`decision.delayMs`), so that calls leave at the leak rate, first in, first out.
   */
  mode?: 'police' | 'shape';
}

/** What an algorithm's options are called, for errors. */
interface Numbers {
  readonly algorithm: Policy['algorithm'];
  /** The option that holds the most at once, and its value. */
  readonly most: readonly [name: string, value: unknown];
  /** The option that holds the units per `every`, and its value. */
  readonly rate: readonly [name: string, value: unknown];
  readonly every: Duration;
  readonly shape?: boolean;
}

/** A policy whose state is one theoretical arrival time. */
class TatPolicy implements Policy {
  readonly algorithm: Policy['algorithm'];
  readonly limit: number;
  readonly windowMs: number;
  readonly #rate: number;
  readonly #everyUs: number;
  readonly #shape: boolean;

  constructor(numbers: Numbers) {
    const { algorithm, every } = numbers;
    const most = wholeNumber(numbers.most[1], `${algorithm}.${numbers.most[0]}`);
    const rate = wholeNumber(numbers.rate[1], `${algorithm}.${numbers.rate[0]}`);
    const everyUs = durationUs(every, `${algorithm}.every`);
    const fault = native.tatPolicyFault(most, rate, everyUs);
    if (fault !== 0) throw refused(fault, numbers);
    this.algorithm = algorithm;
    this.limit = most;
    // What was asked for. The time of one unit is rounded up to whole nanoseconds; counted in, that
    // would make a window of 61 s of '7 every 1m'.
    this.windowMs = Math.ceil(Math.max(1, Math.round((most * everyUs) / rate)) / 1e3);
    this.#rate = rate;
    this.#everyUs = everyUs;
    this.#shape = numbers.shape ?? false;
    Object.freeze(this);
  }

  toNative(name: string): NativePolicy {
    return [name, this.algorithm, this.limit, this.#rate, this.#everyUs, this.#shape];
  }
}

function wholeNumber(value: unknown, name: string): number {
  const expected = 'a whole number from 1 to 2^42 (4398046511104)';
  if (typeof value !== 'number') throw typeError('ERR_SLUICE_POLICY', name, value, expected);
  if (!Number.isInteger(value) || value < 1 || value > LARGEST_LIMIT) {
    throw rangeError('ERR_SLUICE_POLICY', name, value, expected);
  }
  return value;
}

function refused(fault: PolicyFault, { algorithm, most, rate, every }: Numbers): RangeError {
  const [name, value, expected] =
    fault === PolicyFault.RateRounding
      ? [
          ...rate,
          `few enough that one unit takes whole nanoseconds within 1 % of the rate (every: ${every})`,
        ]
      : fault === PolicyFault.RefillTooLong
        ? [...most, `small enough to refill within 100 days at ${rate[1]} every ${every}`]
        : ['every', every, 'a usable duration'];
  return rangeError('ERR_SLUICE_POLICY', `${algorithm}.${name}`, value, expected);
}

/**
 * Token bucket: a bucket of `capacity` tokens, full at first, that refills continuously with `refill` tokens
 * every `every`. A call of cost n takes n tokens, or is denied and takes none. In any time T it admits at most
 * `capacity + T * refill / every`.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_POLICY` or `ERR_SLUICE_DURATION` for numbers that cannot be used;
 *   a full refill may take at most 100 days, and one token at least so long that whole nanoseconds change the
 *   rate by no more than 1 %
 */
export function tokenBucket(options: TokenBucketOptions): Policy {
  checkOptionNames(options, ['capacity', 'refill', 'every'], 'tokenBucket');
  const { capacity, refill, every } = options;
  return new TatPolicy({
    algorithm: 'tokenBucket',
    most: ['capacity', capacity],
    rate: refill === undefined ? ['capacity', capacity] : ['refill', refill],
    every,
  });
}

/**
 * Generic cell rate algorithm: `limit` units every `every` in the long run, `burst` at once. The arithmetic is
 * the token bucket's; with `burst: 1`, calls are admitted no closer than `every / limit` apart. In any time T it
 * admits at most `burst + T * limit / every`.
 *
 * @throws as `tokenBucket`
 */
export function gcra(options: GcraOptions): Policy {
  checkOptionNames(options, ['limit', 'every', 'burst'], 'gcra');
  const { limit, every, burst } = options;
  return new TatPolicy({
    algorithm: 'gcra',
    most: burst === undefined ? ['limit', limit] : ['burst', burst],
    rate: ['limit', limit],
    every,
  });
}

/**
 * Leaky bucket: what is charged fills a bucket of `capacity` that leaks `leak` units every `every`; what would
 * overflow is denied. With `mode: 'shape'` the bucket is a queue: hold each admitted call back for
 * `decision.delayMs`, and calls leave at the leak rate, first in, first out. In any time T it admits at most
 * `capacity + T * leak / every`.
 *
 * @throws as `tokenBucket`
 */
export function leakyBucket(options: LeakyBucketOptions): Policy {
  checkOptionNames(options, ['capacity', 'leak', 'every', 'mode'], 'leakyBucket');
  const { capacity, leak, every, mode = 'police' } = options;
  if (mode !== 'police' && mode !== 'shape') {
    throw rangeError('ERR_SLUICE_POLICY', 'leakyBucket.mode', mode, "'police' or 'shape'");
  }
  return new TatPolicy({
    algorithm: 'leakyBucket',
    most: ['capacity', capacity],
    rate: ['leak', leak],
    every,
    shape: mode === 'shape',
  });
}

/** Whether a value was made by one of the functions above. */
export function isPolicy(value: unknown): value is Policy {
  return value instanceof TatPolicy;
}

/** How native code is told of a policy. */
export function toNative(name: string, policy: Policy): NativePolicy {
  return (policy as TatPolicy).toNative(name);
}
