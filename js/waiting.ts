// Calls that wait for their turn.

import type { Time } from './time.js';
import type { Decision } from './types.js';

/** A slot may be given back at any moment: how often a waiting call asks, at least. */
const SLOT_POLL_MS = 50;

/** One call that waits: how it asks, and how it takes its admission back. */
export interface Waiter<Name extends string> {
  /** Who is limited: calls of one id line up. */
  readonly id: string;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal | undefined;
  /** A check that may be told to wait for up to so long. */
  check(maxWaitMs: number): Promise<Decision<Name>>;
  /** Gives an admission back whose turn has not come. */
  abort(decision: Decision<Name>): Promise<void>;
  /**
   * What could admit a denied call yet: 'time', as the decision says; a 'slot' given back, at any moment; or a 'turn'
   * in the line that the store keeps, and refused to give.
   */
  outlook(decision: Decision<Name>): 'time' | 'slot' | 'turn';
  /** What a check that cannot wait would answer. */
  peek(): Promise<Decision<Name>>;
}

/**
 * The calls of one limiter that wait. Where the algorithm gives a turn ahead (those with a TAT), the store keeps the
 * line, for all processes; else the calls of this limiter line up here, and the first of a line asks again and again.
 */
export class WaitingRoom<Name extends string> {
  readonly #time: Time;
  /** By id: resolves when the last of its line has left. */
  readonly #lines = new Map<string, Promise<void>>();

  constructor(time: Time) {
    this.#time = time;
  }

  /**
   * The admission, once its turn has come; or the denial, if it cannot come in time.
   *
   * @throws the signal's reason, the admission given back
   */
  async wait(waiter: Waiter<Name>): Promise<Decision<Name>> {
    waiter.signal?.throwIfAborted();
    const end = this.#time.now() + waiter.maxWaitMs;
    if (!this.#lines.has(waiter.id)) {
      const { decision, again } = await this.#try(waiter, end);
      if (!again) return decision;
    }
    return this.#lineUp(waiter, end);
  }

  /** Asks once, and waits the turn out that it is given. `again`: denied, and it pays to ask later. */
  async #try(waiter: Waiter<Name>, end: number) {
    const left = Math.max(0, end - this.#time.now());
    const decision = await waiter.check(left);
    if (decision.allowed) {
      try {
        waiter.signal?.throwIfAborted();
        if (decision.delayMs > 0) await this.#time.sleep(decision.delayMs, waiter.signal);
      } catch (reason) {
        await waiter.abort(decision);
        throw reason;
      }
      return { decision, again: false };
    }
    return { decision, again: left > 0 && (await this.#mayPass(waiter, decision, left)) };
  }

  /** Whether a call that was denied may be admitted within `left` ms. */
  async #mayPass(waiter: Waiter<Name>, decision: Decision<Name>, left: number): Promise<boolean> {
    if (decision.source === 'deny') return false;
    const outlook = waiter.outlook(decision);
    if (outlook === 'slot') return true;
    if (outlook === 'time') return decision.retryAfterMs <= left;
    // The turn would come too late, and no sooner for asking again; unless it is a block that denies.
    const { allowed, retryAfterMs } = await waiter.peek();
    return !allowed && retryAfterMs <= left;
  }

  async #lineUp(waiter: Waiter<Name>, end: number): Promise<Decision<Name>> {
    const { id, signal } = waiter;
    const before = this.#lines.get(id) ?? Promise.resolve();
    let leave!: () => void;
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const line = before.then(() => mine);
    this.#lines.set(id, line);
    try {
      await this.#untilFirst(before, end, signal);
      for (;;) {
        const { decision, again } = await this.#try(waiter, end);
        if (!again) return decision;
        const poll = waiter.outlook(decision) === 'slot' ? SLOT_POLL_MS : Number.POSITIVE_INFINITY;
        const left = end - this.#time.now();
        await this.#time.sleep(Math.max(0, Math.min(decision.retryAfterMs, left, poll)), signal);
      }
    } finally {
      leave();
      if (this.#lines.get(id) === line) this.#lines.delete(id);
    }
  }

  /** Until those before have left; but no longer than the caller would wait. */
  async #untilFirst(before: Promise<void>, end: number, signal: AbortSignal | undefined) {
    const done = new AbortController();
    const stop = () => done.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const left = Math.max(0, end - this.#time.now());
      await Promise.race([before, this.#time.sleep(left, done.signal)]);
    } finally {
      signal?.removeEventListener('abort', stop);
      done.abort();
    }
  }
}
