// The functions that make policies, one per algorithm. docs/algorithms.md helps to choose.

import { durationUs } from './duration.js';
import { checkOptionNames, rangeError, wholeNumber } from './errors.js';
import { ownOptions } from './own-options.js';
import {
  choice,
  makePolicy,
  POLICY_OPTIONS,
  PolicyFault,
  type PolicyNumber,
  refillMs,
  span,
  units,
} from './policy.js';
import type { AlgorithmName, Duration, Policy, PolicyOptions, Uninferred } from './types.js';

/** The largest limit, so that its arithmetic stays exact in Lua's doubles. */
const LARGEST_LIMIT = 2 ** 42;
const LARGEST_LOG_LIMIT = 100_000;
const MONTH_MS = 31 * 86_400e3;
/** How a fixed window's alignment is described; the default needs no words. */
const ALIGNMENTS = ['', "align: 'clock'", "align: 'clock', months"];

/** A token bucket's numbers. */
export interface TokenBucketOptions<Part extends string = never> extends PolicyOptions<Part> {
  /** The most tokens the bucket holds, and so the largest burst: a whole number from 0 to 2^42; 0 admits nothing. It starts full. */
  capacity: number;
  /** Tokens that flow back every `every`, continuously: a whole number from 1 to 2^42. Default: `capacity`, or 1 if that is 0. */
  refill?: number;
  /** The time in which `refill` tokens flow back. */
  every: Duration;
}

/** The numbers of the generic cell rate algorithm. */
export interface GcraOptions<Part extends string = never> extends PolicyOptions<Part> {
  /** Units admitted every `every` in the long run: a whole number from 1 to 2^42. 0, with no `burst` above 0, admits nothing. */
  limit: number;
  /** The time for `limit` units. */
  every: Duration;
  /** Units admitted at once: a whole number from 0 to 2^42; 0 admits nothing. Default: `limit`; 1 spaces calls evenly. */
  burst?: number;
}

/** A leaky bucket's numbers. */
export interface LeakyBucketOptions<Part extends string = never> extends PolicyOptions<Part> {
  /** The most units in the bucket, and so the longest queue: a whole number from 0 to 2^42; 0 admits nothing. It starts empty. */
  capacity: number;
  /** Units that leak out every `every`, continuously: a whole number from 1 to 2^42. */
  leak: number;
  /** The time in which `leak` units leak out. */
  every: Duration;
  /**
   * 'police' (default) denies a call that would overflow the bucket. 'shape' also gives each admitted call a delay
   * (`decision.delayMs`), so that calls leave at the leak rate, first in, first out.
   */
  mode?: 'police' | 'shape';
}

/** A fixed window's numbers. */
export interface FixedWindowOptions<Part extends string = never> extends PolicyOptions<Part> {
  /** Units admitted in each window: a whole number from 0 to 2^42; 0 admits nothing. */
  limit: number;
  /** The length of a window, up to 100 days; or, with `align: 'clock'`, 'month': calendar months, UTC. */
  window: Duration | 'month';
  /** 'first-request' (default): a key's window starts with its first charged call. 'clock': at multiples of the window since 1970, UTC. */
  align?: 'first-request' | 'clock';
}

/** The numbers of a sliding window or a sliding log. */
export interface SlidingOptions<Part extends string = never> extends PolicyOptions<Part> {
  /** Units admitted in any window: a whole number from 0 to 2^42, of a log to 100,000; 0 admits nothing. */
  limit: number;
  /** The length of a window, up to 100 days. */
  window: Duration;
}

/** The numbers of a concurrency limit. */
export interface ConcurrencyOptions<Part extends string = never> extends PolicyOptions<Part> {
  /** Calls at a time: a whole number from 0 to 2^42; 0 admits nothing. */
  limit: number;
  /** The time after which a slot without release or renewal is free again, up to 100 days. */
  ttl: Duration;
}

const MOST = ['capacity', 'limit'];
const SPAN = ['every', 'window', 'ttl'];
const RATE = ['refill', 'leak', 'limit'];
/** Option names of other algorithms and libraries, with their names here. */
const MEANT: ReadonlyMap<string, readonly string[]> = new Map([
  ...['limit', 'max', 'capacity', 'size', 'points', 'requests', 'tokens'].map(
    (n) => [n, MOST] as const,
  ),
  ...['every', 'window', 'windowMs', 'ttl', 'interval', 'period', 'duration'].map(
    (n) => [n, SPAN] as const,
  ),
  ...['rate', 'refill', 'refillRate', 'leak', 'leakRate'].map((n) => [n, RATE] as const),
]);

/** The options of a maker, whose own numbers have these names. */
function readOptions<Options extends object>(
  options: Options,
  numbers: readonly string[],
  algorithm: AlgorithmName,
): Options {
  const meant = (name: string) => MEANT.get(name)?.find((own) => numbers.includes(own));
  checkOptionNames(options, [...numbers, ...POLICY_OPTIONS], algorithm, { meant });
  return ownOptions(options);
}

function readCount(value: unknown, name: string, least: 0 | 1, most = LARGEST_LIMIT): number {
  const end = most === LARGEST_LIMIT ? '2^42 (4398046511104)' : most;
  const isSlowRate = least === 1 && typeof value === 'number' && value > 0 && value < 1;
  const hint = isSlowRate ? ": for a slower rate, lengthen 'every'" : '';
  return wholeNumber('ERR_SLUICE_POLICY', name, value, least, most, `${end}${hint}`);
}

/** The option names of an algorithm with a rate, for errors. */
interface Rate {
  /** The option that holds the most at once, and its value. */
  readonly most: readonly [name: string, value: unknown];
  /** The option that holds the units per `every`, and its value. */
  readonly rate: readonly [name: string, value: unknown];
  readonly every: Duration;
  /** The makers' names of the most at once and of the rate. */
  readonly names: readonly [most: string, rate: string];
  readonly choices?: readonly PolicyNumber[];
}

/** The units per `every` of a policy with a limit only. A limit of 0 still has a rate, for calls with their own limit. */
function rateOf(limit: number): number {
  return limit === 0 ? 1 : limit;
}

/** A policy whose state is one theoretical arrival time. */
function ratePolicy<Part extends string>(
  algorithm: AlgorithmName,
  { most, rate, every, names, choices = [] }: Rate,
  options: PolicyOptions<Part>,
): Policy<Part> {
  const limit = readCount(most[1], `${algorithm}.${most[0]}`, 0);
  const perSpan = readCount(rate[1], `${algorithm}.${rate[0]}`, 1);
  const spanUs = durationUs(every, `${algorithm}.every`);
  const windowMs = refillMs(limit, perSpan, spanUs);
  const own = [units(names[0], limit), units(names[1], perSpan), span('every', spanUs), ...choices];
  return makePolicy(algorithm, { limit, windowMs, own }, options, (fault) => {
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
  });
}

/** A policy with a limit and one span, which is the option `name`. */
function spanPolicy<Part extends string>(
  algorithm: AlgorithmName,
  name: 'window' | 'ttl',
  given: Duration,
  options: PolicyOptions<Part> & { readonly limit: number },
  choices: readonly PolicyNumber[] = [],
): Policy<Part> {
  const most = algorithm === 'slidingLog' ? LARGEST_LOG_LIMIT : LARGEST_LIMIT;
  const limit = readCount(options.limit, `${algorithm}.limit`, 0, most);
  const spanUs = durationUs(given, `${algorithm}.${name}`, 1, '100 days');
  const windowMs = Math.ceil(spanUs / 1e3);
  const own = [units('limit', limit), span(name, spanUs), ...choices];
  return makePolicy(algorithm, { limit, windowMs, own }, options, () =>
    rangeError('ERR_SLUICE_POLICY', `${algorithm}.${name}`, given, 'at most 100 days'),
  );
}

/**
 * Token bucket: a bucket of `capacity` tokens, full at first, that refills continuously with `refill` tokens
 * every `every`. A call of cost n takes n tokens, or is denied and takes none. In any time T it admits at most
 * `capacity + T * refill / every`.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_POLICY` or `ERR_SLUICE_DURATION` for numbers that cannot be used;
 *   a full refill may take at most 100 days, and one token at least so long that whole nanoseconds change the
 *   rate by no more than 1 %
 * @example
 * import { createLimiter, tokenBucket } from 'sluice';
 *
 * // 20 calls at once, and 10 a second in the long run.
 * const limiter = createLimiter({
 *   policies: { burst: tokenBucket({ capacity: 20, refill: 10, every: '1s' }) },
 * });
 * const { allowed, retryAfterMs } = limiter.checkSync('user:42');
 */
export function tokenBucket<const Part extends string = never>(
  options: TokenBucketOptions<Part>,
): Policy<Uninferred<Part>> {
  const own = readOptions(options, ['capacity', 'refill', 'every'], 'tokenBucket');
  const { capacity, refill, every } = own;
  const rate =
    refill === undefined
      ? (['capacity', rateOf(capacity)] as const)
      : (['refill', refill] as const);
  const names = ['capacity', 'refill'] as const;
  return ratePolicy('tokenBucket', { most: ['capacity', capacity], rate, every, names }, own);
}

/**
 * Generic cell rate algorithm: `limit` units every `every` in the long run, `burst` at once. The arithmetic is
 * the token bucket's; with `burst: 1`, calls are admitted no closer than `every / limit` apart. In any time T it
 * admits at most `burst + T * limit / every`.
 *
 * @throws as `tokenBucket`
 * @example
 * import { createLimiter, gcra } from 'sluice';
 *
 * // 10 calls a second, at least 100 ms apart.
 * const limiter = createLimiter({ policies: { pace: gcra({ limit: 10, every: '1s', burst: 1 }) } });
 * limiter.checkSync('user:42').allowed; // true
 * limiter.checkSync('user:42').allowed; // false: wait for 100 ms
 */
export function gcra<const Part extends string = never>(
  options: GcraOptions<Part>,
): Policy<Uninferred<Part>> {
  const own = readOptions(options, ['limit', 'every', 'burst'], 'gcra');
  const { limit, every, burst } = own;
  const most = burst === undefined ? (['limit', limit] as const) : (['burst', burst] as const);
  const perSpan = most[1] === 0 ? rateOf(limit) : limit;
  const names = ['burst', 'limit'] as const;
  return ratePolicy('gcra', { most, rate: ['limit', perSpan], every, names }, own);
}

/**
 * Leaky bucket: charges fill a bucket of `capacity` that leaks `leak` units every `every`; a call that would overflow
 * it is denied. With `mode: 'shape'` the bucket is a queue: delay each admitted call by `decision.delayMs`, and calls
 * leave at the leak rate, first in, first out. In any time T it admits at most `capacity + T * leak / every`.
 *
 * @throws as `tokenBucket`
 * @example
 * import { createLimiter, leakyBucket } from 'sluice';
 *
 * // Outgoing calls leave 10 a second; at most 50 wait.
 * const limiter = createLimiter({
 *   policies: { outgoing: leakyBucket({ capacity: 50, leak: 10, every: '1s', mode: 'shape' }) },
 * });
 * const { allowed } = await limiter.wait('payments-api'); // resolves when it is this call's turn
 */
export function leakyBucket<const Part extends string = never>(
  options: LeakyBucketOptions<Part>,
): Policy<Uninferred<Part>> {
  const own = readOptions(options, ['capacity', 'leak', 'every', 'mode'], 'leakyBucket');
  const { capacity, leak, every, mode = 'police' } = own;
  if (mode !== 'police' && mode !== 'shape') {
    throw rangeError('ERR_SLUICE_POLICY', 'leakyBucket.mode', mode, "'police' or 'shape'");
  }
  const choices = [choice(mode === 'shape' ? 1 : 0, '', "mode: 'shape'")];
  const names = ['capacity', 'leak'] as const;
  const rate = { most: ['capacity', capacity], rate: ['leak', leak], every, names } as const;
  return ratePolicy('leakyBucket', { ...rate, choices }, own);
}

/**
 * Fixed window: at most `limit` units in each window; the next window starts at 0. Cheap and easy to explain, but it
 * admits up to `2 * limit` around the boundary of two windows.
 *
 * @throws TypeError or RangeError `ERR_SLUICE_POLICY` or `ERR_SLUICE_DURATION` for numbers that cannot be used
 * @example
 * import { createLimiter, fixedWindow } from 'sluice';
 *
 * const limiter = createLimiter({
 *   policies: {
 *     hourly: fixedWindow({ limit: 1000, window: '1h' }), // from a key's first call on
 *     monthly: fixedWindow({ limit: 100_000, window: 'month', align: 'clock' }), // calendar months, UTC
 *   },
 * });
 * const { policy, remaining, resetAfterMs } = limiter.checkSync('tenant:7');
 */
export function fixedWindow<const Part extends string = never>(
  options: FixedWindowOptions<Part>,
): Policy<Uninferred<Part>> {
  const own = readOptions(options, ['limit', 'window', 'align'], 'fixedWindow');
  const { window, align = 'first-request' } = own;
  if (align !== 'first-request' && align !== 'clock') {
    throw rangeError('ERR_SLUICE_POLICY', 'fixedWindow.align', align, "'first-request' or 'clock'");
  }
  if (window === 'month') {
    if (align !== 'clock') {
      const expected = "'clock' beside window: 'month': months are the calendar's";
      throw rangeError('ERR_SLUICE_POLICY', 'fixedWindow.align', align, expected);
    }
    return spanPolicy('fixedWindow', 'window', MONTH_MS, own, [choice(2, ...ALIGNMENTS)]);
  }
  const alignment = choice(align === 'clock' ? 1 : 0, ...ALIGNMENTS);
  return spanPolicy('fixedWindow', 'window', window, own, [alignment]);
}

/**
 * Sliding window: two fixed windows; the previous one counts by the share that the last `window` still covers. Nearly
 * as exact as a log, with three numbers per key. After a late burst in one window it can admit somewhat more than
 * `limit`, always less than `2 * limit` in all.
 *
 * @throws as `fixedWindow`
 * @example
 * import { createLimiter, slidingWindow } from 'sluice';
 *
 * const limiter = createLimiter({ policies: slidingWindow({ limit: 100, window: '1m' }) });
 * const { allowed, remaining } = limiter.checkSync('user:42');
 */
export function slidingWindow<const Part extends string = never>(
  options: SlidingOptions<Part>,
): Policy<Uninferred<Part>> {
  const own = readOptions(options, ['limit', 'window'], 'slidingWindow');
  return spanPolicy('slidingWindow', 'window', own.window, own);
}

/**
 * Sliding log: remembers every admitted call. At most `limit` units in any interval as long as the window, exactly;
 * memory for up to `limit` calls per key.
 *
 * @throws as `fixedWindow`
 * @example
 * import { createLimiter, slidingLog } from 'sluice';
 *
 * // 5 logins in any 15 minutes; then none for an hour.
 * const logins = slidingLog({ limit: 5, window: '15m', blockFor: '1h' });
 * const limiter = createLimiter({ policies: { logins } });
 * const { allowed, retryAfterMs } = limiter.checkSync('account:42');
 */
export function slidingLog<const Part extends string = never>(
  options: SlidingOptions<Part>,
): Policy<Uninferred<Part>> {
  const own = readOptions(options, ['limit', 'window'], 'slidingLog');
  return spanPolicy('slidingLog', 'window', own.window, own);
}

/**
 * Concurrency: at most `limit` calls at a time. An admitted call of any cost holds one slot until
 * `decision.holder.release()`, or until `ttl` has passed since it was taken or renewed.
 *
 * @throws as `fixedWindow`
 * @example
 * import { concurrency, createLimiter } from 'sluice';
 *
 * // 5 exports of a tenant at a time. A crashed one frees its slot after a minute.
 * const limiter = createLimiter({ policies: { exports: concurrency({ limit: 5, ttl: '1m' }) } });
 * const { allowed, holder } = await limiter.check('tenant:7');
 * if (allowed) {
 *   try {
 *     // the work
 *   } finally {
 *     await holder?.release();
 *   }
 * }
 */
export function concurrency<const Part extends string = never>(
  options: ConcurrencyOptions<Part>,
): Policy<Uninferred<Part>> {
  const own = readOptions(options, ['limit', 'ttl'], 'concurrency');
  return spanPolicy('concurrency', 'ttl', own.ttl, own);
}
