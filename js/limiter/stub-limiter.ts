// Limiters with a fixed answer, for tests of code that uses one.

import { checkOptionNames, deniedError, rangeError } from './errors.js';
import { ownOptions } from './own-options.js';
import { tokenBucket } from './policies.js';
import type { LimiterStats } from './stats.js';
import type {
  Admission,
  Cost,
  Decision,
  Key,
  Policy,
  Reservation,
  ReservationHandle,
  Settlement,
  SyncLimiter,
  WaitOptions,
} from './types.js';

/** The answer of `denyAll`. */
export interface DenyAllOptions {
  /** Default 1000; `Infinity` for a cost that can never be admitted. */
  retryAfterMs?: number;
}

/** A reservation that is settled once. */
class StubReservation implements ReservationHandle {
  readonly id: string;
  readonly #decision: Decision;
  readonly #estimate: Cost;
  #used: Cost = 0;
  #end: Settlement | undefined;

  constructor(id: string, decision: Decision, estimate: Cost) {
    this.id = id;
    this.#decision = decision;
    this.#estimate = estimate;
    if (id === '') this.#end = { ok: false, charged: {}, reason: 'unknown' };
  }

  async checkpoint(used: Cost): Promise<boolean> {
    this.#used = used;
    return this.#end !== undefined;
  }

  async extend(): Promise<Decision> {
    return this.#decision;
  }

  async renew(): Promise<boolean> {
    return this.#end === undefined;
  }

  async settle(usage: Cost = this.#estimate): Promise<Settlement> {
    if (this.#end !== undefined) return this.#end;
    const charged = typeof usage === 'number' ? { default: usage } : { ...usage };
    const reason = 'settled';
    this.#end = { ok: false, charged, reason };
    return { ok: true, charged };
  }

  cancel(): Promise<Settlement> {
    return this.settle(this.#used);
  }

  detach(): string {
    return this.id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }
}

class StubLimiter implements SyncLimiter<string, Key, string> {
  readonly store = 'memory';
  readonly policyNames = ['default'];
  readonly policies: Readonly<Record<string, Policy>> = {
    default: tokenBucket({ capacity: 1, every: '1s' }),
  };
  readonly plans = {};
  readonly #decision: Decision;
  #checks = 0;

  constructor(allowed: boolean, retryAfterMs: number) {
    const policy = {
      policy: 'default',
      allowed,
      limit: 1,
      remaining: allowed ? 1 : 0,
      retryAfterMs,
      resetAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : 0,
    };
    const shown = {
      ...policy,
      delayMs: 0,
      source: 'store',
      policies: Object.freeze([Object.freeze(policy)]),
    } as const;
    this.#decision = Object.freeze(
      Object.defineProperty({ ...shown, toJSON: () => shown }, 'toJSON', { enumerable: false }),
    );
  }

  checkSync(): Decision {
    this.#checks++;
    return this.#decision;
  }

  async check(): Promise<Decision> {
    return this.checkSync();
  }

  async checkMany(checks: readonly unknown[]): Promise<Decision[]> {
    return checks.map(() => this.checkSync());
  }

  wait(key: Key, options: WaitOptions & { orThrow: true }): Promise<Admission>;
  wait(key: Key, options?: WaitOptions): Promise<Decision>;
  async wait(_key: Key, options?: WaitOptions): Promise<Decision> {
    const { signal, orThrow } = ownOptions(options ?? {});
    signal?.throwIfAborted();
    const decision = this.checkSync();
    if (orThrow && !decision.allowed) throw deniedError(decision);
    return decision;
  }

  async peek(): Promise<Decision> {
    return this.#decision;
  }

  async reserve(_key: Key, estimate: Cost): Promise<Reservation> {
    const decision = this.checkSync();
    const id = decision.allowed ? 'stub' : '';
    return Object.assign(new StubReservation(id, decision, estimate), decision);
  }

  reservation(id: string): ReservationHandle {
    return new StubReservation(id, this.#decision, 0);
  }

  async debit(): Promise<void> {}
  async credit(): Promise<void> {}
  async block(): Promise<void> {}
  async unblock(): Promise<void> {}
  async reset(): Promise<void> {}
  async ready(): Promise<void> {}
  async close(): Promise<void> {}

  stats(): LimiterStats {
    const { store } = this;
    const { allowed } = this.#decision;
    return { store, allowed: allowed ? this.#checks : 0, denied: allowed ? 0 : this.#checks };
  }
}

/**
 * Makes a limiter that admits every call, for tests. It takes any key, plan and cost, and keeps nothing.
 *
 * @example
 * import assert from 'node:assert/strict';
 * import type { Limiter } from 'sluice';
 * import { allowAll } from 'sluice/testing';
 *
 * const limiter: Limiter = allowAll();
 * assert.equal((await limiter.check('user:42', { cost: 1000 })).allowed, true);
 */
export function allowAll<
  Name extends string = string,
  K extends Key = Key,
  Plan extends string = string,
>(): SyncLimiter<Name, K, Plan> {
  return new StubLimiter(true, 0) as unknown as SyncLimiter<Name, K, Plan>;
}

/**
 * Makes a limiter that denies every call, for tests. It takes any key, plan and cost, and keeps nothing.
 *
 * @throws RangeError `ERR_SLUICE_OPTIONS` unless `retryAfterMs` is a whole number above 0, or `Infinity`
 * @example
 * import assert from 'node:assert/strict';
 * import type { SyncLimiter } from 'sluice';
 * import { denyAll } from 'sluice/testing';
 *
 * const limiter: SyncLimiter = denyAll({ retryAfterMs: 60_000 });
 * const { allowed, retryAfterMs } = limiter.checkSync('user:42');
 * assert.deepEqual([allowed, retryAfterMs], [false, 60_000]);
 */
export function denyAll<
  Name extends string = string,
  K extends Key = Key,
  Plan extends string = string,
>(options: DenyAllOptions = {}): SyncLimiter<Name, K, Plan> {
  checkOptionNames(options, ['retryAfterMs'], 'denyAll');
  const { retryAfterMs = 1000 } = ownOptions(options);
  if (!(retryAfterMs > 0 && (Number.isInteger(retryAfterMs) || retryAfterMs === Infinity))) {
    const expected = 'a whole number of milliseconds above 0, or Infinity';
    throw rangeError('ERR_SLUICE_OPTIONS', 'retryAfterMs', retryAfterMs, expected);
  }
  return new StubLimiter(false, retryAfterMs) as unknown as SyncLimiter<Name, K, Plan>;
}
