// A storage for @nestjs/throttler: its counts in Sluice's memory or in Redis.

import { createLimiter } from '../create-limiter.js';
import { rangeError } from '../limiter/errors.js';
import { memory } from '../limiter/memory-store.js';
import { fixedWindow, slidingLog } from '../limiter/policies.js';
import type { Decision, Limiter, Policy } from '../limiter/types.js';
import { limiterOptionsOf, readStoreOptions, type Store, type StoreOptions } from './options.js';

/** Options of `SluiceThrottlerStorage`. */
export interface SluiceThrottlerStorageOptions extends StoreOptions {
  /**
   * 'slidingLog' (default): `limit` hits in any time of `ttl`, as the throttler's own storage in memory; a limit is at
   * most 100,000. 'fixedWindow': `limit` hits in each window, as the usual storages in Redis; up to twice as many
   * around the boundary of two windows.
   */
  algorithm?: 'slidingLog' | 'fixedWindow';
}

/** The answer to a hit, in the shape of a `ThrottlerStorageRecord` of `@nestjs/throttler`. */
export interface ThrottlerRecord {
  /** Hits that count now, this one included; `limit + 1` for a blocked hit. */
  readonly totalHits: number;
  /** Seconds, rounded up, until the window ends that the key's first hit began. */
  readonly timeToExpire: number;
  /** Whether the hit is denied. */
  readonly isBlocked: boolean;
  /** Seconds, rounded up, until a hit is admitted; 0 for a hit that is not blocked. */
  readonly timeToBlockExpire: number;
}

const DEFAULT_PREFIX = 'sluice:throttler';
const LARGEST_LIMIT = { slidingLog: 100_000, fixedWindow: 2 ** 42 };
/** Throttlers' times are options, often one or two. A function may return others each time. */
const MOST_LIMITERS = 1000;

type ThrottlerLimiter = Limiter<'hits' | 'window'>;

/**
 * A `ThrottlerStorage` for `@nestjs/throttler`: `ThrottlerModule.forRoot({ throttlers, storage: new
 * SluiceThrottlerStorage({ store: redis(url) }) })`. It counts alike in memory and in Redis. Nest closes it with the
 * application.
 *
 * With a `blockDuration` shorter than the `ttl`, a key under 'slidingLog' starts from 0 when its block ends, as in the
 * throttler's own storage.
 *
 * @example
 * import { Module } from '@nestjs/common';
 * import { ThrottlerModule } from '@nestjs/throttler';
 * import { redis } from 'sluice';
 * import { SluiceThrottlerStorage } from 'sluice/nestjs-throttler';
 *
 * const storage = new SluiceThrottlerStorage({ store: redis('redis://localhost:6379') });
 * const imports = [ThrottlerModule.forRoot({ throttlers: [{ ttl: 60_000, limit: 10 }], storage })];
 */
export class SluiceThrottlerStorage {
  readonly #options: SluiceThrottlerStorageOptions;
  readonly #algorithm: 'slidingLog' | 'fixedWindow';
  readonly #store: Store;
  readonly #limiters = new Map<string, ThrottlerLimiter>();

  /** @throws TypeError, RangeError `ERR_SLUICE_OPTIONS` that name the option and the value */
  constructor(options: SluiceThrottlerStorageOptions = {}) {
    this.#options = readStoreOptions(options, 'SluiceThrottlerStorage', ['algorithm']);
    const { algorithm = 'slidingLog', store = memory() } = this.#options;
    if (algorithm !== 'slidingLog' && algorithm !== 'fixedWindow') {
      const where = 'SluiceThrottlerStorage.algorithm';
      throw rangeError('ERR_SLUICE_OPTIONS', where, algorithm, "'slidingLog' or 'fixedWindow'");
    }
    this.#algorithm = algorithm;
    this.#store = store;
    // Reports wrong options when the application starts, not at its first request.
    this.#makeLimiter(1000, 0);
  }

  /**
   * Counts a hit of a key, if it is not blocked.
   *
   * @param ttl the length of a window in ms, up to 100 days; 0 or less: nothing is limited
   * @param limit the hits in a window, rounded down; under 'slidingLog' at most 100,000
   * @param blockDuration how long a hit above the limit blocks the key, in ms; 0: until the next hit is within the limit
   * @param throttlerName throttlers of other names count a key separately
   * @throws RangeError `ERR_SLUICE_OPTIONS` for a limit above the most, `ERR_SLUICE_DURATION` or `ERR_SLUICE_POLICY` for
   *   times above 100 days; SluiceError `ERR_SLUICE_STORE_UNAVAILABLE` under `onStoreError: 'throw'` (all as rejections)
   */
  async increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    throttlerName: string,
  ): Promise<ThrottlerRecord> {
    const most = this.#readLimit(limit);
    if (ttl <= 0) {
      const isBlocked = most === 0;
      return { totalHits: 1, timeToExpire: 0, isBlocked, timeToBlockExpire: 0 };
    }
    const blockMs = blockDuration > 0 ? blockDuration : 0;
    const limiter = this.#limiter(ttl, blockMs);
    const caller = `${throttlerName}:${key}`;
    const decision = await limiter.check(caller, { limits: { hits: most } });
    const [hits, window] = decision.policies;
    const timeToExpire = seconds(window!.resetAfterMs);
    if (decision.allowed) {
      const totalHits = most - hits!.remaining;
      return { totalHits, timeToExpire, isBlocked: false, timeToBlockExpire: 0 };
    }
    if (startsAgain(this.#algorithm, decision, ttl, blockMs)) {
      // The block is in place already, so a failure here only keeps the key blocked for longer.
      await limiter.credit(caller, { hits: LARGEST_LIMIT.slidingLog }).catch(() => {});
    }
    const waitMs = blockMs > 0 ? Math.min(decision.retryAfterMs, blockMs) : decision.retryAfterMs;
    const timeToBlockExpire = Number.isFinite(waitMs) ? seconds(waitMs) : timeToExpire;
    return { totalHits: most + 1, timeToExpire, isBlocked: true, timeToBlockExpire };
  }

  /** Nest calls it when the application closes. */
  async onApplicationShutdown(): Promise<void> {
    const limiters = [...this.#limiters.values()];
    this.#limiters.clear();
    await Promise.all(limiters.map((limiter) => limiter.close()));
  }

  #readLimit(limit: number): number {
    const most = LARGEST_LIMIT[this.#algorithm];
    const whole = Math.max(0, Math.floor(limit));
    if (whole <= most) return whole;
    if (this.#algorithm === 'fixedWindow' && limit === Infinity) return most;
    const hint =
      this.#algorithm === 'slidingLog' ? ": above it, use { algorithm: 'fixedWindow' }" : '';
    throw rangeError('ERR_SLUICE_OPTIONS', 'limit', limit, `a number up to ${most}${hint}`);
  }

  #limiter(ttl: number, blockMs: number): ThrottlerLimiter {
    const name = `${ttl}:${blockMs}`;
    const known = this.#limiters.get(name);
    if (known !== undefined) return known;
    for (const [oldest, limiter] of this.#limiters) {
      if (this.#limiters.size < MOST_LIMITERS) break;
      this.#limiters.delete(oldest);
      void limiter.close(); // Its counts stay in the store.
    }
    const made = this.#makeLimiter(ttl, blockMs);
    this.#limiters.set(name, made);
    return made;
  }

  #makeLimiter(ttl: number, blockMs: number): ThrottlerLimiter {
    const { prefix = DEFAULT_PREFIX } = this.#options;
    const log = this.#algorithm === 'slidingLog';
    const block = blockMs > 0 ? { blockFor: blockMs } : {};
    const numbers = { limit: LARGEST_LIMIT[this.#algorithm], window: ttl, ...block };
    return createLimiter<{ hits: Policy; window: Policy }, Store, never>({
      ...limiterOptionsOf(this.#options),
      policies: {
        hits: log ? slidingLog(numbers) : fixedWindow(numbers),
        // Never denies. Its end is `timeToExpire`, and a denied hit starts one too.
        window: fixedWindow({ limit: 2 ** 42, window: ttl, chargeDenied: true }),
      },
      store: this.#store,
      prefix: `${prefix}:${this.#algorithm}:${ttl}:${blockMs}`,
    });
  }
}

/** Whether a block has just begun after which the key's log would deny once more. */
function startsAgain(
  algorithm: string,
  { retryAfterMs }: Decision,
  ttl: number,
  blockMs: number,
): boolean {
  return algorithm === 'slidingLog' && blockMs > 0 && blockMs < ttl && retryAfterMs >= blockMs;
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
