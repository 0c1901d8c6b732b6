// A limiter over Redis: asks, and decides by a rule when there is no answer.

import { BaseLimiter, type Part } from './base-limiter.js';
import { SluiceError } from './errors.js';
import type { Limiter, LimiterStats } from './limiter-types.js';
import type { RedisLink } from './redis-link.js';
import { Time } from './time.js';
import type { Key } from './types.js';

export class RedisLimiter<Name extends string>
  extends BaseLimiter<Name, RedisLink<Name>>
  implements Limiter<Name, Key, string>
{
  readonly store = 'redis';
  readonly #unclaim: () => void;
  #closing: Promise<unknown> | undefined;

  /** `unclaim`: gives up what the limiter said of its policies (claimPolicies). */
  constructor(parts: readonly Part<Name, RedisLink<Name>>[], unclaim: () => void) {
    super(parts, new Time(undefined));
    this.#unclaim = unclaim;
  }

  checkSync(): never {
    throw new SluiceError(
      'ERR_SLUICE_ASYNC_STORE',
      'checkSync needs a memory store: Redis answers later; use check',
    );
  }

  stats(): LimiterStats {
    const { store, allowed, denied } = this;
    // All plans share one connection.
    return { store, allowed, denied, redis: this.parts[0]!.engine.stats() };
  }

  async close(): Promise<void> {
    this.refuseFurther();
    this.#closing ??= Promise.all(this.parts.map(({ engine }) => engine.close())).finally(
      this.#unclaim,
    );
    await this.#closing;
  }
}
