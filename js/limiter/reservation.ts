// Reservations: an estimate that is charged first and settled with the real usage later.

import { Kind } from '../native.js';
import type { HoldAnswer, PolicyTable } from './decision.js';
import type { Engine } from './engine.js';
import { checkNumber, rangeError, SluiceError } from './errors.js';
import type { ResolvedKey } from './keys.js';
import type { Operation } from './operation.js';
import { readCost } from './options.js';
import { ownOption, ownOptions } from './own-options.js';
import { clearTimeout, setTimeout } from './timers.js';
import type {
  Cost,
  Decision,
  Reservation,
  ReservationClosed,
  ReservationHandle,
  ReserveOptions,
  Settlement,
} from './types.js';
import { warn } from './warn.js';

export const DEFAULT_TTL_MS = 60_000;
const LONGEST_TTL_MS = 100 * 86_400_000;
/** Checkpoints within this time travel as one. */
const CHECKPOINT_MS = 50;
const RULES = ['estimate', 'checkpoint', 'refund'] as const;
const OUTCOMES = ['ok', 'unknown', 'expired', 'settled'] as const;

/** A new one for each caller, who may change it. */
function unknown(): Settlement<never> {
  return { ok: false, charged: {}, reason: 'unknown' };
}

/** A reservation in a store. */
export interface Held<Name extends string> {
  readonly engine: Engine<Name>;
  readonly resolved: ResolvedKey;
  readonly holder: string;
  readonly isLocal: boolean;
}

function readTtlUs(ttlMs: unknown, name: string): number {
  const expected = 'a number of milliseconds above 0, up to 100 days';
  checkNumber('ERR_SLUICE_OPTIONS', name, ttlMs, expected, (n) => n > 0 && n <= LONGEST_TTL_MS);
  return Math.ceil((ttlMs as number) * 1e3);
}

/** Reads the options of `reserve` besides those of a check. @throws TypeError, RangeError `ERR_SLUICE_*` */
export function readReserveOptions(options: ReserveOptions | undefined): {
  holdForUs: number;
  onExpire: number;
} {
  const { ttlMs = DEFAULT_TTL_MS, onExpire = 'estimate' } = ownOptions(options ?? {});
  const rule = RULES.indexOf(onExpire);
  if (rule < 0) {
    const expected = "'estimate', 'checkpoint' or 'refund'";
    throw rangeError('ERR_SLUICE_OPTIONS', 'onExpire', onExpire, expected);
  }
  return { holdForUs: readTtlUs(ttlMs, 'ttlMs'), onExpire: rule };
}

/** The policies that a usage names, one bit each. */
function givenBy(table: PolicyTable<string>, usage: Cost): number {
  if (typeof usage === 'number') return 2 ** table.names.length - 1;
  return table.names.reduce(
    (bits, name, i) => (ownOption(usage, name) === undefined ? bits : bits | (1 << i)),
    0,
  );
}

/** Cancels reservations that are dropped without an end. */
const dropped = new FinalizationRegistry<{ cancel: () => void }>(({ cancel }) => {
  cancel();
  warnOfDropped();
});
let hasWarned = false;

function warnOfDropped(): void {
  if (hasWarned) return;
  hasWarned = true;
  const message =
    'a reservation was dropped without settle(), cancel() or detach(), and has been cancelled; ' +
    "'await using' ends one with its scope";
  warn('SLUICE_RESERVATION_DROPPED', message);
}

/** A reservation by its id; see `ReservationHandle`. */
export class StoredReservation<Name extends string> implements ReservationHandle<Name> {
  readonly id: string;
  readonly #held: Held<Name> | undefined;
  /** Checkpoints that wait for their turn. */
  #waiting: { used: number[]; sent: Promise<boolean>; send: () => void } | undefined;
  #lastSent = Number.NEGATIVE_INFINITY;
  #isOver = false;

  /** `held`: `undefined` for an id of another limiter, and for a denied reservation. */
  constructor(id: string, held: Held<Name> | undefined) {
    this.id = id;
    this.#held = held;
  }

  checkpoint(used: Cost<Name>): Promise<boolean> {
    const held = this.#held;
    if (held === undefined) return Promise.resolve(true);
    let units: number | readonly number[];
    try {
      units = readCost(held.engine.table, used, 'used', 0);
    } catch (error) {
      return Promise.reject(error);
    }
    const each = held.engine.table.names.map((_, i) =>
      typeof units === 'number' ? units : units[i]!,
    );
    if (this.#waiting !== undefined) {
      const { used } = this.#waiting;
      for (const [i, n] of each.entries()) used[i] = Math.max(used[i]!, n);
      return this.#waiting.sent;
    }
    const left = this.#lastSent + CHECKPOINT_MS - performance.now();
    if (left <= 0) return this.#sendCheckpoint(held, each);
    return this.#checkpointLater(held, each, left);
  }

  #checkpointLater(held: Held<Name>, used: number[], ms: number): Promise<boolean> {
    let send = () => {};
    const sent = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => send(), ms);
      send = () => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(this.#sendCheckpoint(held, used));
      };
    });
    this.#waiting = { used, sent, send };
    return sent;
  }

  async #sendCheckpoint(held: Held<Name>, used: readonly number[]): Promise<boolean> {
    this.#lastSent = performance.now();
    const { outcome, spent } = await ask(held, Kind.Checkpoint, { units: used });
    return outcome !== 0 || spent !== 0;
  }

  async extend(estimate: Cost<Name>): Promise<Decision<Name>> {
    const held = this.#held;
    if (held === undefined) throw closedReservation('unknown');
    const { engine, resolved } = held;
    const units = readCost(engine.table, estimate, 'estimate', 0);
    const answer = await engine.hold(Kind.Extend, resolved, operationOf(held, { units }));
    if ('outcome' in answer) {
      throw closedReservation(OUTCOMES[answer.outcome] as ReservationClosed);
    }
    return answer;
  }

  async renew(ttlMs: number): Promise<boolean> {
    const holdForUs = readTtlUs(ttlMs, 'ttlMs');
    const held = this.#held;
    if (held === undefined) return false;
    return (await ask(held, Kind.Checkpoint, { units: 0, holdForUs })).outcome === 0;
  }

  async settle(usage?: Cost<Name>): Promise<Settlement<Name>> {
    const held = this.#held;
    if (held === undefined) return unknown();
    const { table } = held.engine;
    const units = usage === undefined ? 0 : readCost(table, usage, 'usage', 0);
    const which = usage === undefined ? 0 : givenBy(table, usage as Cost);
    return this.#end(held, Kind.Settle, { units, which });
  }

  async cancel(): Promise<Settlement<Name>> {
    const held = this.#held;
    if (held === undefined) return unknown();
    return this.#end(held, Kind.Cancel, { units: 0 });
  }

  async #end(held: Held<Name>, kind: Kind, operation: Operation): Promise<Settlement<Name>> {
    // Noted first: the stores run operations in order.
    this.#waiting?.send();
    const { outcome, charged } = await ask(held, kind, operation);
    this.#isOver = true;
    dropped.unregister(this);
    if (outcome === 1) return unknown();
    const byName = Object.fromEntries(
      held.engine.table.names.map((name, i) => [name, charged[i]!]),
    ) as Record<Name, number>;
    if (outcome === 0) return { ok: true, charged: byName };
    return { ok: false, charged: byName, reason: OUTCOMES[outcome] as ReservationClosed };
  }

  detach(): string {
    if (this.id === '') throw closedReservation('unknown');
    this.#waiting?.send();
    this.#isOver = true;
    dropped.unregister(this);
    return this.id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver && this.#held !== undefined) await this.cancel();
  }

  /** Whether `settle`, `cancel` or `detach` was called here. */
  static isOver(reservation: object): boolean {
    return #isOver in reservation && reservation.#isOver;
  }

  /** Cancels it if this object is collected before its end. */
  protected guard(): void {
    const held = this.#held;
    if (held === undefined) return;
    const cancel = () => {
      ask(held, Kind.Cancel, { units: 0 }).catch(() => {});
    };
    dropped.register(this, { cancel }, this);
  }
}

/** A reservation with the decision that made it. */
export class MadeReservation<Name extends string>
  extends StoredReservation<Name>
  implements Reservation<Name>
{
  declare readonly allowed: boolean;
  declare readonly policy: Name;
  declare readonly limit: number;
  declare readonly remaining: number;
  declare readonly retryAfterMs: number;
  declare readonly resetAfterMs: number;
  declare readonly delayMs: number;
  declare readonly source: Decision['source'];
  declare readonly policies: Decision<Name>['policies'];

  readonly #decision: Decision<Name>;

  constructor(decision: Decision<Name>, id: string, held: Held<Name> | undefined) {
    super(id, held);
    Object.assign(this, decision);
    this.#decision = decision;
    this.guard();
  }

  /** The decision that made a reservation; a stub's is the reservation itself. */
  static decisionOf(reservation: Reservation): Decision {
    return #decision in reservation ? reservation.#decision : (reservation as unknown as Decision);
  }

  toJSON(): object {
    return { ...this };
  }
}

function operationOf(held: Held<string>, operation: Operation): Operation {
  return { ...operation, holder: held.holder, local: held.isLocal };
}

async function ask(held: Held<string>, kind: Kind, operation: Operation): Promise<HoldAnswer> {
  const { engine, resolved } = held;
  const answer = await engine.hold(kind, resolved, operationOf(held, operation));
  return answer as HoldAnswer;
}

function closedReservation(reason: ReservationClosed): SluiceError {
  const what = { unknown: 'is not known', expired: 'has expired', settled: 'is settled' }[reason];
  return new SluiceError('ERR_SLUICE_RESERVATION_CLOSED', `the reservation ${what}`);
}

/** Whether the application has ended or detached a reservation. */
export const { isOver } = StoredReservation;

/** The decision that made a reservation. */
export const { decisionOf } = MadeReservation;
