// A limiter over Redis: asks, and decides by a rule when there is no answer.

import { BaseLimiter, CHECK_OPTIONS, type Part } from '../limiter/base-limiter.js';
import { SluiceError } from '../limiter/errors.js';
import type { LimiterStats } from '../limiter/stats.js';
import { Time } from '../limiter/time.js';
import type { CheckOptions, Decision, Key, Limiter } from '../limiter/types.js';
import { Kind } from '../native.js';
import type { RedisLink } from './engine.js';

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

  /** Counts on the way: one promise for each check, where awaiting the link's would make three. */
  override check(key: Key, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    try {
      const { part, who, call } = this.question(key, options, CHECK_OPTIONS, 'check');
      return part.engine.decide(Kind.Check, who, call, (decision) => {
        this.count(key, part, decision as Decision<Name>);
      });
    } catch (error) {
      return Promise.reject(error);
    }
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
