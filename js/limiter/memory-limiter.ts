// A limiter over a memory store: decides at once.

import { Kind, native } from '../native.js';
import { BaseLimiter, CHECK_OPTIONS, type Part } from './base-limiter.js';
import { readDecision } from './decision.js';
import type { MemoryEngine } from './memory-engine.js';
import type { MemoryStore } from './memory-store.js';
import type { LimiterStats } from './stats.js';
import { Time } from './time.js';
import type { CheckOptions, Decision, Key, SyncLimiter } from './types.js';

export class MemoryLimiter<Name extends string>
  extends BaseLimiter<Name, MemoryEngine<Name>>
  implements SyncLimiter<Name, Key, string>
{
  readonly store = 'memory';
  readonly #store: MemoryStore;
  /** Where keys are strings and nothing else has to be said: the one to ask. */
  #quick: Part<Name, MemoryEngine<Name>> | undefined;

  constructor(parts: readonly Part<Name, MemoryEngine<Name>>[], store: MemoryStore) {
    super(parts, new Time(store.clock));
    this.#store = store;
    const { single } = this;
    const quick = single?.keys.plain && !single.engine.table.hasSlots && store.clock === undefined;
    this.#quick = quick ? single : undefined;
  }

  checkSync(key: Key, options?: CheckOptions<Name>): Decision<Name> {
    const quick = this.#quick;
    if (quick !== undefined && options === undefined && typeof key === 'string' && key !== '') {
      // The common call, without the arguments that say nothing: each costs as much as the decision.
      const { engine } = quick;
      return this.count(
        key,
        quick,
        readDecision(engine.table, engine.native.check(key), 0, key, 1),
      );
    }
    const question = this.question(key, options, CHECK_OPTIONS, 'check');
    const { part, who, call } = question;
    return this.count(key, part, part.engine.decide(Kind.Check, who, call));
  }

  override async check(key: Key, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    return this.checkSync(key, options);
  }

  stats(): LimiterStats {
    const [keys, capacity, evicted] = native.memoryStoreStats(this.#store.native);
    const { store, allowed, denied } = this;
    return { store, allowed, denied, memory: { keys, capacity, evicted } };
  }

  async close(): Promise<void> {
    this.refuseFurther();
    this.#quick = undefined;
  }
}
