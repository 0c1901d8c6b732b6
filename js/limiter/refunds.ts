// Refunds of charges: by credit, and for calls that give up waiting.

import { Kind } from '../native.js';
import { type Charge, ownChargeOf, ownHolderOf, type PolicyTable } from './decision.js';
import type { Engine, Later } from './engine.js';
import { keysWithShard, type ResolvedKey } from './keys.js';
import { keepsLine } from './policy.js';
import type { Time } from './time.js';
import { Lines, type Turn } from './turns.js';
import type { Decision } from './types.js';

/** Refunds the charges of one limiter's decisions, each unit at most once. */
export class Refunds {
  readonly #lines: Lines;
  /** By decision: the units refunded so far. */
  readonly #refunded = new WeakMap<object, number[]>();
  /** How many resets there have been. */
  #resets = 0;

  constructor(time: Time) {
    this.#lines = new Lines(time);
  }

  /** The units of `wanted` that were not refunded before; they count as refunded from now on. */
  take(decision: object, charge: Charge, wanted: number | readonly number[]): number[] {
    const before = this.#refunded.get(decision) ?? charge.units.map(() => 0);
    const units = charge.units.map((charged, i) =>
      Math.min(typeof wanted === 'number' ? wanted : wanted[i]!, charged - before[i]!),
    );
    this.#refunded.set(
      decision,
      before.map((n, i) => n + units[i]!),
    );
    return units;
  }

  /** Forgets the lines of a key that is being reset: its calls have no charge left. */
  reset(table: PolicyTable<string>, resolved: ResolvedKey): void {
    this.#resets++;
    for (const local of [false, true]) this.#lines.clear(lineNames(table, resolved, local));
  }

  /**
   * Returns a function that gives the turn of a decision of a check that starts now. If there is a reset before the
   * decision, it may have wiped the charge: nothing is refunded then. Giving the turn up releases the slots, too.
   */
  begin(
    engine: Engine<string>,
    resolved: ResolvedKey,
    id: string | undefined,
  ): (decision: Decision) => Turn {
    const resets = this.#resets;
    return (decision) => {
      const turn = this.turn(engine, resolved, decision, id, resets !== this.#resets);
      return {
        ...turn,
        giveUp() {
          turn.giveUp();
          ownHolderOf(decision)
            ?.release()
            .catch(() => {});
        },
      };
    };
  }

  /** The turn of an admitted call. Giving it up refunds its charge and forgets its `id`, but keeps its slots. */
  turn(
    engine: Engine<string>,
    resolved: ResolvedKey,
    decision: Decision,
    id?: string,
    isWiped = false,
  ): Turn {
    const own = ownChargeOf(decision);
    if (own === undefined) return { timers: this.#lines.timers, come() {}, giveUp() {} };
    const charge = isWiped ? { ...own, units: own.units.map(() => 0) } : own;
    const { local, marks } = charge;
    const limits = decision.policies.map(({ limit }) => limit);
    const abort = (units: readonly number[], id?: string): Later<boolean> => {
      try {
        const done = engine.act(Kind.Abort, resolved, { units, marks, limits, local, id });
        // A failed abort may have been executed; a second one could take what others were charged.
        return done instanceof Promise ? done.catch(() => true) : done;
      } catch {
        return true;
      }
    };
    const names = lineNames(engine.table, resolved, local);
    const lines = names.map((name, i) => (charge.units[i] === 0 ? undefined : name));
    const drainMs = decision.policies.map(({ resetAfterMs }) => resetAfterMs);
    return this.#lines.enter(lines, drainMs, () => {
      const units = this.take(decision, charge, charge.units);
      const others = units.map((n, i) => (lines[i] === undefined ? n : 0));
      if (id !== undefined || others.some((n) => n > 0)) void abort(others, id);
      return (line) => () => abort(units.map((n, i) => (i === line ? n : 0)));
    });
  }
}

/** The line that the store keeps for each policy; `undefined` where it keeps none. `local`: in the fallback store. */
function lineNames(
  { names, policies }: PolicyTable<string>,
  resolved: ResolvedKey,
  local: boolean,
) {
  const keys = keysWithShard(resolved);
  return names.map((name, i) => {
    const policy = policies[i]!;
    if (!keepsLine(policy)) return undefined;
    const key = typeof keys === 'string' ? keys : keys[i]!;
    return [local, name, policy.algorithm, key].join(' ');
  });
}
