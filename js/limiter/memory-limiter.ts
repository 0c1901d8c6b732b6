// A limiter over a memory store, which decides at once.

import { Kind, native } from '../native.js';
import { BaseLimiter } from './limiter.js';
import { MemoryEngine } from './memory-engine.js';
import type { MemoryStore } from './memory-store.js';
import { idScopeOf, type PlanPolicies } from './plans.js';
import type { LimiterStats } from './stats.js';
import { Time } from './time.js';
import type { CheckOptions, Decision, Key, SyncLimiter } from './types.js';

export class MemoryLimiter<Name extends string>
  extends BaseLimiter<Name, MemoryEngine<Name>>
  implements SyncLimiter<Name, Key, string>
{
  readonly store = 'memory';
  readonly #store: MemoryStore;
  /** Set where a key is a string and the store has its own clock: such a check needs no other argument. */
  #quick: MemoryEngine<Name> | undefined;

  constructor(engines: readonly MemoryEngine<Name>[], store: MemoryStore, scope: string) {
    super(engines, new Time(store.clock), scope);
    this.#store = store;
    const [engine] = engines as [MemoryEngine<Name>];
    const { plan, table, keys } = engine;
    const isQuick =
      plan === undefined && keys.plain && !table.hasSlots && store.clock === undefined;
    this.#quick = isQuick ? engine : undefined;
  }

  checkSync(key: Key, options?: CheckOptions<Name>): Decision<Name> {
    const engine = this.#quick;
    if (engine !== undefined && options === undefined && typeof key === 'string' && key !== '') {
      const decision = engine.check(key);
      this.counts.add(key, engine.table, decision);
      return decision;
    }
    const call = this.read(key, options, 'check');
    return this.count(call, call.engine.decide(Kind.Check, call.resolved, call.operation));
  }

  override async check(key: Key, options?: CheckOptions<Name>): Promise<Decision<Name>> {
    return this.checkSync(key, options);
  }

  stats(): LimiterStats {
    const [keys, capacity, evicted] = native.memoryStoreStats(this.#store.native);
    const { store } = this;
    const { allowed, denied } = this.counts;
    return { store, allowed, denied, memory: { keys, capacity, evicted } };
  }

  async close(): Promise<void> {
    this.refuseFurther();
    this.#quick = undefined;
  }
}

export function makeMemoryLimiter(
  plans: readonly PlanPolicies[],
  store: MemoryStore,
  prefix: string,
): MemoryLimiter<string> {
  const idScope = idScopeOf(plans);
  const engines = plans.map((plan) => new MemoryEngine(plan, store, prefix, idScope));
  return new MemoryLimiter(engines, store, `${prefix} ${idScope}`);
}
