// A store for express-rate-limit: its counts in Sluice's memory or in Redis.

import { createLimiter } from '../create-limiter.js';
import { rangeError, SluiceError } from '../limiter/errors.js';
import { memory } from '../limiter/memory-store.js';
import { fixedWindow } from '../limiter/policies.js';
import type { Decision, Limiter, Policy } from '../limiter/types.js';
import { RedisStore } from '../redis/store.js';
import { limiterOptionsOf, readStoreOptions, type Store, type StoreOptions } from './options.js';

/** Options of `SluiceStore`: where it counts, and what happens if Redis does not answer. */
export type SluiceStoreOptions = StoreOptions;

/** The count of a key, in the shape of express-rate-limit's `ClientRateLimitInfo`. */
export interface ClientHits {
  /** Increments of the key in the present window, less its decrements. */
  readonly totalHits: number;
  /** The end of the window, by this process's clock. */
  readonly resetTime: Date;
}

/** The part of express-rate-limit's options that the store reads. */
export interface InitOptions {
  readonly windowMs: number;
  readonly skipFailedRequests?: unknown;
  readonly skipSuccessfulRequests?: unknown;
}

/** The largest limit of a policy: express-rate-limit itself compares the count with its limit. */
const UNLIMITED = 2 ** 42;
const DEFAULT_PREFIX = 'sluice:express-rate-limit';

type Charges = Map<string, Decision<'hits'>[]>;

/** Charges of this process, by key, until their windows have ended. */
class RememberedCharges {
  #recent: Charges = new Map();
  #earlier: Charges = new Map();
  #swapAt = 0;
  readonly #windowMs: number;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(key: string, decision: Decision<'hits'>): void {
    this.#forgetOld();
    const charges = this.#recent.get(key);
    if (charges === undefined) this.#recent.set(key, [decision]);
    else charges.push(decision);
  }

  /** Removes the latest charge of a key and returns it. */
  take(key: string): Decision<'hits'> | undefined {
    this.#forgetOld();
    return this.#recent.get(key)?.pop() ?? this.#earlier.get(key)?.pop();
  }

  forget(key: string): void {
    this.#recent.delete(key);
    this.#earlier.delete(key);
  }

  /** No timer: a charge stays for at most two windows, and then until the next call. */
  #forgetOld(): void {
    const now = performance.now();
    if (now < this.#swapAt) return;
    this.#earlier = now < this.#swapAt + this.#windowMs ? this.#recent : new Map();
    this.#recent = new Map();
    this.#swapAt = now + this.#windowMs;
  }
}

/**
 * A `Store` for express-rate-limit: `rateLimit({ windowMs, limit, store: new SluiceStore({ store: redis(url) }) })`.
 * Without options it counts in this process. A key's window starts with its first increment, as in express-rate-limit's
 * own store. `decrement` gives back an increment of this process, and only while the window that it was counted in
 * lasts.
 *
 * Each limiter needs its own `SluiceStore`; over one Redis, each with its own `prefix`.
 *
 * @example
 * import { rateLimit } from 'express-rate-limit';
 * import { redis } from 'sluice';
 * import { SluiceStore } from 'sluice/express-rate-limit';
 *
 * const store = new SluiceStore({ store: redis('redis://localhost:6379'), prefix: 'login' });
 * const limiter = rateLimit({ windowMs: 60_000, limit: 5, store });
 */
export class SluiceStore {
  /** True without the option `store`: no other instance counts the same keys. */
  readonly localKeys: boolean;
  /** Part of the names of keys; express-rate-limit reads it to tell limiters apart. */
  readonly prefix: string;
  /** Sets all counts to 0. Only without the option `store`: a shared store may hold the counts of others. */
  readonly resetAll?: () => Promise<void>;
  readonly #options: SluiceStoreOptions;
  #windowMs: number | undefined;
  #limiter: Limiter<'hits'> | undefined;
  #charges: RememberedCharges | undefined;
  #initError: unknown;

  /** @throws TypeError, RangeError `ERR_SLUICE_OPTIONS` that name the option and the value */
  constructor(options: SluiceStoreOptions = {}) {
    this.#options = readStoreOptions(options, 'SluiceStore');
    this.localKeys = this.#options.store === undefined;
    this.prefix = this.#options.prefix ?? DEFAULT_PREFIX;
    if (this.localKeys) this.resetAll = () => this.#startAgain();
  }

  /** Where it counts: instances with one place and one prefix count together. @internal */
  get place(): object | string {
    const { store } = this.#options;
    if (store instanceof RedisStore) return store.transport.server;
    return store ?? this;
  }

  /**
   * express-rate-limit calls it with its options. `windowMs`: 0.001 to 100 days, in ms.
   *
   * @throws RangeError `ERR_SLUICE_DURATION` or `ERR_SLUICE_POLICY` for a wrong `windowMs`, `ERR_SLUICE_OPTIONS` for a
   *   second limiter with another one; as `createLimiter` for wrong options. express-rate-limit logs such an error;
   *   `increment` then rejects with it.
   */
  init(options: InitOptions): void {
    const { windowMs, skipFailedRequests, skipSuccessfulRequests } = options;
    if (this.#limiter !== undefined) {
      if (windowMs === this.#windowMs) return;
      const expected = `${this.#windowMs}, as the store's first limiter has it: give each limiter a store of its own`;
      throw rangeError('ERR_SLUICE_OPTIONS', 'SluiceStore.init.windowMs', windowMs, expected);
    }
    try {
      this.#limiter = this.#makeLimiter(windowMs);
    } catch (error) {
      this.#initError = error;
      throw error;
    }
    this.#windowMs = windowMs;
    // Without these options, express-rate-limit gives nothing back.
    const keepsAll = skipFailedRequests === false && skipSuccessfulRequests === false;
    this.#charges = keepsAll ? undefined : new RememberedCharges(windowMs);
  }

  /** The count of a key, which stays as it is; `undefined` for a key without one. */
  async get(key: string): Promise<ClientHits | undefined> {
    const hits = hitsOf(await this.#ready().peek(readKey(key)));
    return hits.totalHits === 0 ? undefined : hits;
  }

  /**
   * Counts a request.
   *
   * @throws SluiceError `ERR_SLUICE_STORE_UNAVAILABLE` (a rejection) under `onStoreError: 'throw'`
   */
  async increment(key: string): Promise<ClientHits> {
    const decision = await this.#ready().check(readKey(key));
    this.#charges?.add(key, decision);
    return hitsOf(decision);
  }

  /** Gives back this process's latest increment of the key, if its window lasts still. Never goes below 0. */
  async decrement(key: string): Promise<void> {
    const limiter = this.#ready();
    if (this.#charges === undefined) return limiter.credit(readKey(key), 1);
    const charge = this.#charges.take(key);
    if (charge !== undefined) await limiter.credit(readKey(key), 1, { of: charge });
  }

  /** Sets a key's count to 0. Rejects if Redis cannot be reached. */
  async resetKey(key: string): Promise<void> {
    this.#charges?.forget(key);
    await this.#ready().reset(readKey(key));
  }

  /** Waits for calls in flight and closes the connections that no other limiter uses. */
  async shutdown(): Promise<void> {
    await this.#limiter?.close();
  }

  async #startAgain(): Promise<void> {
    if (this.#windowMs === undefined) return;
    const before = this.#limiter;
    this.#limiter = this.#makeLimiter(this.#windowMs);
    if (this.#charges !== undefined) this.#charges = new RememberedCharges(this.#windowMs);
    await before?.close();
  }

  #makeLimiter(windowMs: number): Limiter<'hits'> {
    const { store = memory() } = this.#options;
    return createLimiter<{ hits: Policy }, Store, never>({
      ...limiterOptionsOf(this.#options),
      policies: { hits: fixedWindow({ limit: UNLIMITED, window: windowMs }) },
      store,
      prefix: this.prefix,
    });
  }

  #ready(): Limiter<'hits'> {
    if (this.#limiter !== undefined) return this.#limiter;
    if (this.#initError !== undefined) throw this.#initError;
    const message = 'SluiceStore has no window yet: pass it to rateLimit({ windowMs, store })';
    throw new SluiceError('ERR_SLUICE_OPTIONS', message);
  }
}

/** express-rate-limit takes any key: its own is `undefined` for a request without an address. */
function readKey(key: unknown): string {
  return String(key) || ' ';
}

function hitsOf({ limit, remaining, resetAfterMs }: Decision<'hits'>): ClientHits {
  return { totalHits: limit - remaining, resetTime: new Date(Date.now() + resetAfterMs) };
}
