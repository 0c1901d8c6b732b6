// The turns of waiting calls, and their return when a call gives up.

import type { Later } from './engine.js';
import type { Time, Timers } from './time.js';

/** Refunds the charge of a turn; false if the store kept it because other calls wait behind it. Never rejects. */
type GiveBack = () => Later<boolean>;

/** The turn of a waiting call. The first of `come` and `giveUp` counts; later calls do nothing. */
export interface Turn {
  /** The timers of the waiting call. */
  readonly timers: Timers;
  /** The turn has come: the call goes on. */
  come(): void;
  /** The call gives up: its charge is refunded as soon as possible. */
  giveUp(): void;
}

interface Place {
  /** The time when its charge has drained completely. */
  readonly until: number;
  /** Set when the call gives up. */
  giveBack?: GiveBack;
  /** Whether the store was asked to refund it. */
  asked: boolean;
  /** Whether the key was reset since. */
  cleared: boolean;
}

/**
 * The calls of this process that wait under one policy for one key, in the order of their turns.
 *
 * The store refunds only the last turn of a line. A refund amid the line would give the next caller a turn that a
 * waiting call already has. So this class keeps such a turn, and refunds it once all calls behind it have given up too.
 */
class Line {
  #places: Place[] = [];
  #asking = false;
  #again = false;

  enter(until: number): Place {
    const place: Place = { until, asked: false, cleared: false };
    this.#places.push(place);
    return place;
  }

  /** Removes a call whose turn has come, and the abandoned turns before it, which have passed. */
  leave(place: Place): void {
    const passed = this.#places.splice(0, this.#places.indexOf(place) + 1);
    const waiting = passed.filter((one) => one !== place && one.giveBack === undefined);
    if (waiting.length > 0) this.#places.unshift(...waiting);
  }

  /** Empties the line after a reset: its calls have no charge left to refund. */
  clear(): void {
    for (const place of this.#places) place.cleared = true;
    this.#places = [];
  }

  giveUp(place: Place, giveBack: GiveBack): void {
    if (place.cleared) return;
    place.giveBack = giveBack;
    this.#again = true;
    if (this.#asking) return;
    this.#asking = true;
    // Calls that give up in one tick are refunded in one round.
    void Promise.resolve().then(() => this.#ask());
  }

  async #ask(): Promise<void> {
    let most = 1;
    while (this.#again) {
      this.#again = false;
      const places = this.#toAsk(most);
      const answers = places.map((place) => {
        place.asked = true;
        return place.giveBack!();
      });
      // A memory store answers at once: it is done before any caller sees its call reject.
      const later = answers.some((answer) => answer instanceof Promise);
      const given = later ? await Promise.all(answers) : answers;
      const done = new Set(places.filter((_, i) => given[i]));
      this.#places = this.#places.filter((place) => !done.has(place));
      most = done.size === places.length ? 2 * most : 1;
      // A turn that the store kept may be the last one now.
      if (done.size > 0 && this.#places.at(-1)?.giveBack !== undefined) this.#again = true;
    }
    this.#asking = false;
  }

  /**
   * The turns to give back, last first: the turns that the store was never asked about, and up to `most` of the others.
   * No call of this process waits behind them. If the store keeps one, another process waits behind it.
   */
  #toAsk(most: number): Place[] {
    let last = true;
    let askedAgain = 0;
    return [...this.#places].reverse().filter((place) => {
      if (place.giveBack === undefined) last = false;
      if (place.giveBack === undefined || !place.asked) return place.giveBack !== undefined;
      return last && askedAgain++ < most;
    });
  }

  /** Whether no call waits, and no charge is left to refund. */
  isOver(now: number): boolean {
    if (this.#asking) return false;
    return this.#places.every(({ giveBack, until }) => giveBack !== undefined && until <= now);
  }
}

/** All lines of one limiter, by policy and key. */
export class Lines {
  readonly #time: Time;
  readonly #lines = new Map<string, Line>();

  constructor(time: Time) {
    this.#time = time;
  }

  get timers(): Timers {
    return this.#time.timers;
  }

  /**
   * Adds a turn to the end of each named line (`undefined`: no line). `drainMs`: how long each charge takes to drain.
   * `giveUp` runs at most once, when the call gives up; its result makes the refund of one line.
   */
  enter(
    names: readonly (string | undefined)[],
    drainMs: readonly number[],
    giveUp: () => (line: number) => GiveBack,
  ): Turn {
    const now = this.#time.now();
    this.#forgetOld(now, 2 * names.length);
    const places = names.map((name, i) => {
      if (name === undefined) return undefined;
      const line = this.#lineOf(name);
      return { line, place: line.enter(now + drainMs[i]!) };
    });
    let over = false;
    return {
      timers: this.timers,
      come() {
        if (over) return;
        over = true;
        for (const at of places) at?.line.leave(at.place);
      },
      giveUp() {
        if (over) return;
        over = true;
        const giveBackOf = giveUp();
        for (const [i, at] of places.entries()) at?.line.giveUp(at.place, giveBackOf(i));
      },
    };
  }

  /** Forgets the lines of a key that was reset. */
  clear(names: readonly (string | undefined)[]): void {
    for (const name of names) {
      if (name === undefined) continue;
      this.#lines.get(name)?.clear();
      this.#lines.delete(name);
    }
  }

  #lineOf(name: string): Line {
    const line = this.#lines.get(name) ?? new Line();
    this.#lines.set(name, line);
    return line;
  }

  /** Checks the next `count` lines. Each turn checks twice as many as it enters, so that they need no timer. */
  #forgetOld(now: number, count: number): void {
    let left = count;
    for (const [name, line] of this.#lines) {
      if (left-- === 0) return;
      this.#lines.delete(name);
      if (!line.isOver(now)) this.#lines.set(name, line);
    }
  }
}
