// Calls that wait for their turn.

import type { Later } from './engine.js';
import { whenAborted } from './signals.js';
import type { Time } from './time.js';
import type { Turn } from './turns.js';
import type { Decision } from './types.js';

/** A slot may be given back at any moment: how often a waiting call asks, at least. */
const SLOT_POLL_MS = 50;

/** What a denied call waits for. */
export interface Outlook {
  /** The wait after which time alone would admit it; 0 if only a slot is missing. `Infinity`: never. */
  readonly ms: number;
  /** Whether it also lacks a slot, which may be released at any moment. */
  readonly slot: boolean;
  /** Whether it lacks a turn in the line that the store keeps. */
  readonly turn: boolean;
}

/** One call that waits: how it asks, and how it takes its admission back. */
export interface Waiter<Name extends string> {
  /** Identifies the key: calls of one id form a line. */
  readonly id: string;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether the store gives turns ahead, and so keeps the line itself. */
  readonly turnsAhead: boolean;
  /** A check that may be told to wait for up to so long. */
  check(maxWaitMs: number): Later<Decision<Name>>;
  /** The turn of an admission; giving it up gives the admission back. */
  turn(decision: Decision<Name>): Turn;
  outlook(decision: Decision<Name>): Outlook;
  /** What a check that cannot wait would answer. */
  peek(): Later<Decision<Name>>;
}

/** The answer to one try, and when it came. */
interface Tried<Name extends string> {
  readonly decision: Decision<Name>;
  readonly at: number;
  /** When to ask again; `undefined` if the answer stands. */
  readonly nextAt: number | undefined;
}

/**
 * The calls of one limiter that wait. Where the algorithm gives a turn ahead (those with a TAT), the store keeps the
 * line, for all processes; else the calls of this limiter line up here, and the first of a line asks again and again.
 */
export class WaitingRoom<Name extends string> {
  readonly #time: Time;
  /** By id: resolves when the last of its line has left, and all before. */
  readonly #lines = new Map<string, Promise<void>>();
  /** One for each call in a line; aborting it rejects the call. */
  readonly #standing = new Set<AbortController>();

  constructor(time: Time) {
    this.#time = time;
  }

  /**
   * The admission, once its turn has come; or the denial, if it cannot come in time.
   *
   * @throws the signal's reason, the admission given back
   */
  async wait(waiter: Waiter<Name>): Promise<Decision<Name>> {
    const { signal } = waiter;
    signal?.throwIfAborted();
    const { decision, at } = await this.#admit(waiter, this.#time.now() + waiter.maxWaitMs);
    if (!decision.allowed) return decision;
    const turn = waiter.turn(decision);
    try {
      signal?.throwIfAborted();
      await this.#time.sleep(at + decision.delayMs - this.#time.now(), signal);
    } catch (reason) {
      // Not waited for: a store that is away is tried for seconds.
      turn.giveUp();
      throw reason;
    }
    turn.come();
    return decision;
  }

  /** Rejects the calls that stand in a line. A call that was charged for its turn still gets it. */
  close(reason: Error): void {
    for (const standing of this.#standing) standing.abort(reason);
  }

  async #admit(waiter: Waiter<Name>, end: number): Promise<Tried<Name>> {
    const { id, signal } = waiter;
    if (waiter.turnsAhead && !this.#lines.has(id)) {
      const tried = await this.#try(waiter, end);
      if (tried.nextAt === undefined) return tried;
    }
    const before = this.#lines.get(id);
    const leave = this.#enter(id, before);
    const standing = new AbortController();
    this.#standing.add(standing);
    let forget: (() => void) | undefined;
    try {
      // It may have aborted while the store was asked, and tells nobody a second time.
      signal?.throwIfAborted();
      forget = signal && whenAborted(signal, () => standing.abort(signal.reason));
      if (before !== undefined) await this.#untilFirst(before, end, standing.signal);
      for (;;) {
        const tried = await this.#try(waiter, end);
        if (tried.nextAt === undefined) return tried;
        await this.#time.sleep(tried.nextAt - this.#time.now(), standing.signal);
      }
    } finally {
      forget?.();
      this.#standing.delete(standing);
      leave();
    }
  }

  /** Joins the line behind `before`; the result leaves it. */
  #enter(id: string, before: Promise<void> | undefined): () => void {
    let leave!: () => void;
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const line = before === undefined ? mine : before.then(() => mine);
    this.#lines.set(id, line);
    line.then(() => {
      if (this.#lines.get(id) === line) this.#lines.delete(id);
    });
    return leave;
  }

  /** Asks once. */
  async #try(waiter: Waiter<Name>, end: number): Promise<Tried<Name>> {
    const left = Math.max(0, end - this.#time.now());
    const asked = waiter.check(left);
    // A store that answers at once has answered at this moment, whatever the clock says later.
    const now = asked instanceof Promise ? undefined : this.#time.now();
    const decision = await asked;
    const at = now ?? this.#time.now();
    const answer = { decision, at, nextAt: undefined };
    if (decision.allowed || decision.source === 'deny' || left === 0) return answer;
    const { ms, slot, turn } = waiter.outlook(decision);
    // A turn would come too late, and no sooner for asking again; unless it is a block that denies.
    const peeked = turn ? await waiter.peek() : undefined;
    const soonest = peeked === undefined ? ms : peeked.allowed ? Infinity : peeked.retryAfterMs;
    if (soonest === Infinity || soonest > left) return answer;
    const pause = slot ? Math.max(ms, Math.min(SLOT_POLL_MS, decision.retryAfterMs)) : ms;
    return { decision, at, nextAt: at + Math.min(pause, left) };
  }

  /** Until those before have left; but no longer than the caller would wait. */
  async #untilFirst(before: Promise<void>, end: number, signal: AbortSignal) {
    const done = new AbortController();
    const forget = whenAborted(signal, () => done.abort(signal.reason));
    try {
      const left = Math.max(0, end - this.#time.now());
      await Promise.race([before, this.#time.sleep(left, done.signal)]);
    } finally {
      forget();
      done.abort();
    }
  }
}
