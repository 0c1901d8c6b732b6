// The queue of calls that wait for their turn.

import type { PolicyTable } from './decision.js';
import type { Later } from './engine.js';
import { keepsLine } from './policy.js';
import { whenAborted } from './signals.js';
import type { Time } from './time.js';
import type { Turn } from './turns.js';
import type { Decision, Policy } from './types.js';

/** The longest pause between two checks of a call that waits for a slot, which may be released at any moment. */
const SLOT_POLL_MS = 50;

/** When a denied call may be admitted. */
export interface Outlook {
  /** The wait after which time alone admits it; 0 if only a slot is missing; `Infinity`: never. */
  readonly ms: number;
  /** Whether it also lacks a slot, which may be released at any moment. */
  readonly slot: boolean;
  /** Whether it lacks a turn in the line that the store keeps. */
  readonly turn: boolean;
}

/** One waiting call. */
export interface Waiter<Name extends string> {
  /** Identifies the key: calls of one id form a line. */
  readonly id: string;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether the store promises turns, and so keeps the line itself. */
  readonly turnsAhead: boolean;
  /** A check that accepts a delay of up to `maxWaitMs`. */
  check(maxWaitMs: number): Later<Decision<Name>>;
  /** The turn of an admission; giving it up refunds the admission. */
  turn(decision: Decision<Name>): Turn;
  outlook(decision: Decision<Name>): Outlook;
  /** The answer of a check that accepts no delay. */
  peek(): Later<Decision<Name>>;
}

/** The answer to one check, and when it came. */
interface Tried<Name extends string> {
  readonly decision: Decision<Name>;
  readonly at: number;
  /** When to check again; `undefined` if the answer is final. */
  readonly nextAt: number | undefined;
}

/**
 * Queues the waiting calls of one limiter. Algorithms with a TAT admit a call ahead of its turn: the store keeps the line,
 * for all processes. Under the others the calls of this limiter line up here, and the first of a line checks repeatedly.
 */
export class WaitQueue<Name extends string> {
  readonly #time: Time;
  /** By id: resolves when the whole line has left. */
  readonly #lines = new Map<string, Promise<void>>();
  /** One for each call in a line; aborting it rejects the call. */
  readonly #standing = new Set<AbortController>();

  constructor(time: Time) {
    this.#time = time;
  }

  /**
   * Resolves to the admission when its turn comes, or to a denial if that cannot be in time.
   *
   * @throws the signal's reason; the admission is refunded
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
      // Not awaited: a store that is down is retried for seconds.
      turn.giveUp();
      throw reason;
    }
    turn.come();
    return decision;
  }

  /** Rejects the calls that wait in a line. A call that was charged for its turn still gets it. */
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
      // It may have aborted during the check, and fires only once.
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

  /** Checks once. */
  async #try(waiter: Waiter<Name>, end: number): Promise<Tried<Name>> {
    const left = Math.max(0, end - this.#time.now());
    const checked = waiter.check(left);
    // A memory store has answered at this moment, whatever the clock says later.
    const now = checked instanceof Promise ? undefined : this.#time.now();
    const decision = await checked;
    const at = now ?? this.#time.now();
    const answer = { decision, at, nextAt: undefined };
    if (decision.allowed || decision.source === 'deny' || left === 0) return answer;
    const { ms, slot, turn } = waiter.outlook(decision);
    // A turn would come too late, and no sooner after another check; unless a block denies.
    const peeked = turn ? await waiter.peek() : undefined;
    const soonest = peeked === undefined ? ms : peeked.allowed ? Infinity : peeked.retryAfterMs;
    if (soonest === Infinity || soonest > left) return answer;
    const pause = slot ? Math.max(ms, Math.min(SLOT_POLL_MS, decision.retryAfterMs)) : ms;
    return { decision, at, nextAt: at + Math.min(pause, left) };
  }

  /** Resolves when the calls before have left, or at `end`. */
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

/** When the denied call of `decision` may be admitted. */
export function outlookOf({ policies }: PolicyTable<string>, decision: Decision): Outlook {
  const deniers = [...decision.policies.entries()]
    .map(([i, { allowed, retryAfterMs }]) => ({ policy: policies[i]!, allowed, retryAfterMs }))
    .filter(({ policy, allowed }) => policy.enforce && !allowed);
  const isSlot = ({ algorithm }: Policy) => algorithm === 'concurrency';
  return {
    // A slot may be released before it expires. A slot that can never be granted is not waited for.
    ms: Math.max(
      0,
      ...deniers
        .map((d) => d.retryAfterMs)
        .filter((ms, i) => ms === Infinity || !isSlot(deniers[i]!.policy)),
    ),
    slot: deniers.some(({ policy }) => isSlot(policy)),
    turn: deniers.some(({ policy }) => keepsLine(policy)),
  };
}
