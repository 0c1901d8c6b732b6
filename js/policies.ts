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
  Refill = 2,
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

class TokenBucketPolicy implements Policy {
  readonly algorithm = 'tokenBucket';

  readonly windowMs: number;
  readonly #everyUs: number;

  constructor(
    readonly limit: number,
    readonly refill: number,
    everyUs: number,
  ) {
    this.#everyUs = everyUs;
    // What was asked for. The time of one token is rounded up to whole nanoseconds; counted in, that
    // would make a window of 61 s of '7 every 1m'.
    this.windowMs = Math.ceil(Math.max(1, Math.round((limit * everyUs) / refill)) / 1e3);
    Object.freeze(this);
  }

  toNative(name: string): NativePolicy {
    return [name, this.limit, this.refill, this.#everyUs];
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
  const capacity = wholeNumber(options.capacity, 'tokenBucket.capacity');
  const refill =
    options.refill === undefined ? capacity : wholeNumber(options.refill, 'tokenBucket.refill');
  const everyUs = durationUs(options.every, 'tokenBucket.every');
  const fault = native.tokenBucketFault(capacity, refill, everyUs);
  if (fault !== 0) throw refused(fault, options);
  return new TokenBucketPolicy(capacity, refill, everyUs);
}

function refused(fault: PolicyFault, options: TokenBucketOptions): RangeError {
  switch (fault) {
    case PolicyFault.RateRounding:
      return rangeError(
        'ERR_SLUICE_POLICY',
        'tokenBucket.refill',
        options.refill ?? options.capacity,
        `few enough that one token takes whole nanoseconds within 1 % of the rate (every: ${options.every})`,
      );
    case PolicyFault.RefillTooLong:
      return rangeError(
        'ERR_SLUICE_POLICY',
        'tokenBucket.capacity',
        options.capacity,
        `small enough to refill within 100 days at ${options.refill ?? options.capacity} every ${options.every}`,
      );
    default:
      return rangeError(
        'ERR_SLUICE_POLICY',
        'tokenBucket.every',
        options.every,
        'a usable duration',
      );
  }
}

/** Whether a value was made by `tokenBucket()`. */
export function isPolicy(value: unknown): value is Policy {
  return value instanceof TokenBucketPolicy;
}

/** How native code is told of a policy. */
export function toNative(name: string, policy: Policy): NativePolicy {
  return (policy as TokenBucketPolicy).toNative(name);
}
