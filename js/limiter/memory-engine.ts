// Policies over a memory store: answers at once.

import { Kind, type NativeMemoryLimiter, native } from '../native.js';
import { type Call, isShort, takesSlots, writeCall } from './call.js';
import { type Clock, readClockUs } from './clock.js';
import { ID_REUSED, type PolicyTable, readDecision } from './decision.js';
import type { Engine } from './engine.js';
import { idReusedError } from './errors.js';
import { newHolderId, Slots } from './holder.js';
import { keysWithShard, type Who } from './keys.js';
import type { MemoryStore } from './memory-store.js';
import { toNative } from './policy.js';
import type { Decision } from './types.js';

/** The machine's clock, in the form that native code takes. */
const MACHINE = -1;

export class MemoryEngine<Name extends string> implements Engine<Name> {
  readonly table: PolicyTable<Name>;
  /** For the quickest call: one key, cost 1, the store's own clock. */
  readonly native: NativeMemoryLimiter;
  readonly #clock: Clock | undefined;

  /** `idScope`, `plan`: what ids are told apart by, besides prefix and key. */
  constructor(
    table: PolicyTable<Name>,
    store: MemoryStore,
    prefix: string,
    idScope: string,
    plan: string,
  ) {
    this.table = table;
    this.#clock = store.clock;
    const policies = table.names.map((name, i) => toNative(name, table.policies[i]!));
    this.native = native.makeMemoryLimiter(store.native, policies, prefix, idScope, plan);
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
    if (kind === Kind.Peek) {
      return readDecision(table, this.native.act(kind, keysWithShard(who), now), 0, who.id, 0);
    }
    const holder = table.hasSlots ? newHolderId() : undefined;
    const code = this.native.act(kind, keysWithShard(who), now, holder, call.id);
    if (code === ID_REUSED) throw idReusedError(call.id!);
    const slots =
      holder !== undefined && takesSlots(table, call) ? this.#slots(holder, who) : undefined;
    return readDecision(table, code, 0, who.id, call.units, slots);
  }

  #slots(holder: string, who: Who): Slots {
    return new Slots(holder, async (what, holder) =>
      this.act(what === 'release' ? Kind.Release : Kind.Renew, who, { units: 0, holder }),
    );
  }

  act(kind: Kind, who: Who, call: Call): boolean {
    const now = this.#now();
    writeCall(call, this.table.names.length);
    return this.native.act(kind, keysWithShard(who), now, call.holder, call.id) === 1;
  }

  #now(): number {
    return this.#clock === undefined ? MACHINE : readClockUs(this.#clock);
  }
}
