// A limiter over Redis.

import { closedError, SluiceError } from '../limiter/errors.js';
import { BaseLimiter } from '../limiter/limiter.js';
import { untilAnswered } from '../limiter/ready.js';
import type { LimiterStats } from '../limiter/stats.js';
import { Time } from '../limiter/time.js';
import type { CheckOptions, Decision, Key, Limiter } from '../limiter/types.js';
import { Kind } from '../native.js';
import type { RedisEngine } from './engine.js';

export class RedisLimiter<Name extends string>
  extends BaseLimiter<Name, RedisEngine<Name>>
  implements Limiter<Name, Key, string>
{
  readonly store = 'redis';
  readonly #unclaim: () => void;
  readonly #time: Time;
  /** Aborts at `close()`. */
  readonly #open = new AbortController();
  #closing: Promise<unknown> | undefined;

  /** `unclaim`: releases the claims of `claimPolicies`. */
  constructor(engines: readonly RedisEngine<Name>[], unclaim: () => void, scope: string) {
    const time = new Time(undefined);
    super(engines, time, scope);
    this.#time = time;
    this.#unclaim = unclaim;
  }

  /** Counts before the engine's promise resolves: awaiting it would cost two more promises. */
  override check(key: Key, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    try {
      const call = this.read(key, options, 'check');
      const { engine, resolved, operation } = call;
      return engine.decide(Kind.Check, resolved, operation, (decision) => {
        this.count(call, decision as Decision<Name>);
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

  protected override untilAnswered(timeoutMs: number): Promise<void> {
    // All plans share one connection.
    const [engine] = this.engines as [RedisEngine<Name>];
    return untilAnswered(() => engine.probe(), timeoutMs, this.#open.signal, this.#time);
  }

  stats(): LimiterStats {
    const { store } = this;
    const { allowed, denied } = this.counts;
    // All plans share one connection.
    return { store, allowed, denied, redis: this.engines[0]!.stats() };
  }

  async close(): Promise<void> {
    this.refuseFurther();
    this.#open.abort(closedError());
    this.#closing ??= Promise.all(this.engines.map((engine) => engine.close())).finally(
      this.#unclaim,
    );
    await this.#closing;
  }
}
