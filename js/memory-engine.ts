// Policies over a memory store: answers at once.

import { type Call, isShort, takesSlots, writeCall } from './call.js';
import { type Clock, readClockUs } from './clock.js';
import { type PolicyTable, readDecision } from './decision.js';
import type { Engine } from './engine.js';
import { newHolderId, Slots } from './holder.js';
import { keysWithShard, type Who } from './keys.js';
import type { MemoryStore } from './memory-store.js';
import { Kind, type NativeMemoryLimiter, native } from './native.js';
import { toNative } from './policy.js';
import type { Decision } from './types.js';

/** The monotonic clock, as native code is told of it. */
const MONOTONIC = -1;

export class MemoryEngine<Name extends string> implements Engine<Name> {
  readonly table: PolicyTable<Name>;
  /** For the quickest call: one key, cost 1, the store's own clock. */
  readonly native: NativeMemoryLimiter;
  readonly #clock: Clock | undefined;

  constructor(table: PolicyTable<Name>, store: MemoryStore, prefix: string) {
    this.table = table;
    this.#clock = store.clock;
    const policies = table.names.map((name, i) => toNative(name, table.policies[i]!));
    this.native = native.makeMemoryLimiter(store.native, policies, prefix);
  }

  decide(kind: Kind.Check | Kind.Peek, who: Who, call: Call): Decision<Name> {
    // First: a clock of the caller's may ask limiters, and so overwrite the exchange.
    const now = this.#now();
    const { table } = this;
    if (typeof who.keys === 'string' && isShort(call) && !table.hasSlots) {
      const ask = kind === Kind.Check ? 'check' : 'peek';
      const code = this.native[ask](who.keys, call.units, now);
      return readDecision(table, code, 0, who.id, kind === Kind.Check ? call.units : 0);
    }
    writeCall(call, table.names.length);
    if (!table.hasSlots || kind === Kind.Peek) {
      const code = this.native.act(kind, keysWithShard(who), now);
      return readDecision(table, code, 0, who.id, kind === Kind.Check ? call.units : 0);
    }
    const id = newHolderId();
    const code = this.native.act(kind, keysWithShard(who), now, id);
    const slots = new Slots(id, async (what) =>
      this.act(what === 'release' ? Kind.Release : Kind.Renew, who, { units: 0, holder: id }),
    );
    return readDecision(
      table,
      code,
      0,
      who.id,
      call.units,
      takesSlots(table, call) ? slots : undefined,
    );
  }

  act(kind: Kind, who: Who, call: Call): boolean {
    const now = this.#now();
    writeCall(call, this.table.names.length);
    return this.native.act(kind, keysWithShard(who), now, call.holder) === 1;
  }

  #now(): number {
    return this.#clock === undefined ? MONOTONIC : readClockUs(this.#clock);
  }
}
