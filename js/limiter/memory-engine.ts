// Policies over a memory store, which answers at once.

import { Kind, type NativeMemoryLimiter, native } from '../native.js';
import { type Clock, readClockUs } from './clock.js';
import {
  type HoldAnswer,
  ID_REUSED,
  type PolicyTable,
  readDecision,
  readHold,
} from './decision.js';
import type { Engine } from './engine.js';
import { idReusedError } from './errors.js';
import { newHolderId, Slots } from './holder.js';
import { type KeyReader, keysWithShard, type ResolvedKey } from './keys.js';
import type { MemoryStore } from './memory-store.js';
import { isCostOnly, type Operation, takesSlots, writeOperation } from './operation.js';
import type { PlanPolicies } from './plans.js';
import { toNative } from './policy.js';
import type { Decision } from './types.js';

// Read once: the addon's exports are a dictionary. One function serves all limiters, so V8 calls it directly.
const { memoryCheck, memoryPeek, memoryAct } = native;

/** In native calls: the machine's clock. */
const MACHINE = -1;

export class MemoryEngine<Name extends string> implements Engine<Name> {
  readonly plan: string | undefined;
  readonly table: PolicyTable<Name>;
  readonly keys: KeyReader;
  readonly #native: NativeMemoryLimiter;
  readonly #clock: Clock | undefined;

  /** `idScope` separates ids, besides plan, prefix and key. */
  constructor(
    { plan, table, keys }: PlanPolicies<Name>,
    store: MemoryStore,
    prefix: string,
    idScope: string,
  ) {
    this.plan = plan;
    this.table = table;
    this.keys = keys;
    this.#clock = store.clock;
    const policies = table.names.map((name, i) => toNative(name, table.policies[i]!));
    this.#native = native.makeMemoryLimiter(store.native, policies, prefix, idScope, plan ?? '');
  }

  /** The quickest check: one key, cost 1, no slots. Precondition: the store has its own clock. */
  check(key: string): Decision<Name> {
    // Each argument less saves as much time as the decision takes.
    return readDecision(this.table, memoryCheck(this.#native.index, key), 0, key, 1);
  }

  decide(
    kind: Kind.Check | Kind.Peek,
    resolved: ResolvedKey,
    operation: Operation,
  ): Decision<Name> {
    // First, because a caller's clock may call limiters, and so overwrite the exchange.
    const now = this.#now();
    const { table } = this;
    const { index } = this.#native;
    if (typeof resolved.keys === 'string' && isCostOnly(operation) && !table.hasSlots) {
      const ask = kind === Kind.Check ? memoryCheck : memoryPeek;
      const code = ask(index, resolved.keys, operation.units, now);
      return readDecision(table, code, 0, resolved.id, kind === Kind.Check ? operation.units : 0);
    }
    writeOperation(operation, table.names.length);
    if (kind === Kind.Peek) {
      return readDecision(
        table,
        memoryAct(index, kind, keysWithShard(resolved), now),
        0,
        resolved.id,
        0,
      );
    }
    const holder = table.hasSlots ? newHolderId() : undefined;
    const code = memoryAct(index, kind, keysWithShard(resolved), now, holder, operation.id);
    if (code === ID_REUSED) throw idReusedError(operation.id!);
    const slots =
      holder !== undefined && takesSlots(table, operation)
        ? this.#slots(holder, resolved)
        : undefined;
    return readDecision(table, code, 0, resolved.id, operation.units, slots);
  }

  #slots(holder: string, resolved: ResolvedKey): Slots {
    return new Slots(holder, async (what, holder) =>
      this.act(what === 'release' ? Kind.Release : Kind.Renew, resolved, { units: 0, holder }),
    );
  }

  act(kind: Kind, resolved: ResolvedKey, operation: Operation): boolean {
    const now = this.#now();
    writeOperation(operation, this.table.names.length);
    const { index } = this.#native;
    const { holder, id } = operation;
    return memoryAct(index, kind, keysWithShard(resolved), now, holder, id) === 1;
  }

  hold(kind: Kind, resolved: ResolvedKey, operation: Operation): Decision<Name> | HoldAnswer {
    const now = this.#now();
    const { table } = this;
    writeOperation(operation, table.names.length);
    const { index } = this.#native;
    const code = memoryAct(index, kind, keysWithShard(resolved), now, operation.holder);
    // Its charge is given back by its own operations, not by credit.
    return readHold(table, code, 0) ?? readDecision(table, code, 0, resolved.id, 0);
  }

  #now(): number {
    return this.#clock === undefined ? MACHINE : readClockUs(this.#clock);
  }
}
