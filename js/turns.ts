// Turns that calls wait for, and how those that give up give them back.

import type { Later } from './engine.js';
import type { Time, Timers } from './time.js';

/** Takes the charge of a turn back; false if it was kept because others wait behind it. Never rejects. */
type GiveBack = () => Later<boolean>;

/** A turn that a call waits for. Whichever is called first counts. */
export interface Turn {
  /** By which it comes. */
  readonly timers: Timers;
  /** It has come. */
  come(): void;
  /** The call gives it up. */
  giveUp(): void;
}

interface Place {
  /** When all of its charge will have drained. */
  readonly until: number;
  /** Of a call that gave up. */
  giveBack?: GiveBack;
  asked: boolean;
  cleared: boolean;
}

/**
 * The calls of this process that wait under one policy for one key, in the order of their turns.
 *
 * The store takes back only the last turn of a line: behind it nobody waits whose turn would be given to two. So a
 * turn amid the line is kept here, and given back once all behind it have given up too.
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

  /** Its turn has come, and with it passed those that were given up before it. */
  leave(place: Place): void {
    const passed = this.#places.splice(0, this.#places.indexOf(place) + 1);
    const waiting = passed.filter((one) => one !== place && one.giveBack === undefined);
    if (waiting.length > 0) this.#places.unshift(...waiting);
  }

  /** Nothing was charged any more: what is given up later gives nothing back. */
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
    // A group that gives up in one tick is asked about together.
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
      // A store that answers at once is done before any caller learns that its call was given up.
      const later = answers.some((answer) => answer instanceof Promise);
      const given = later ? await Promise.all(answers) : answers;
      const done = new Set(places.filter((_, i) => given[i]));
      this.#places = this.#places.filter((place) => !done.has(place));
      most = done.size === places.length ? 2 * most : 1;
      // What was kept may be the last now.
      if (done.size > 0 && this.#places.at(-1)?.giveBack !== undefined) this.#again = true;
    }
    this.#asking = false;
  }

  /**
   * The turns to give back, last first: those that the store was never asked about, and up to `most` of the others,
   * behind which no call of this process waits. If the store keeps one, another process waits behind all before it.
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

  /** Nobody waits, and there is nothing left to give back. */
  isOver(now: number): boolean {
    if (this.#asking) return false;
    return this.#places.every(({ giveBack, until }) => giveBack !== undefined && until <= now);
  }
}

/** The lines of a limiter. */
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
   * A turn at the end of each of these lines, or of none where there is `undefined`. `drainMs`: how long the charge
   * takes to drain. `giveUp` runs once, and says how the turn in a line is given back.
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

  /** The key of these lines was reset. */
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

  /** Looks at the next `count` lines. Each turn looks at twice as many as it enters, so that they need no timer. */
  #forgetOld(now: number, count: number): void {
    let left = count;
    for (const [name, line] of this.#lines) {
      if (left-- === 0) return;
      this.#lines.delete(name);
      if (!line.isOver(now)) this.#lines.set(name, line);
    }
  }
}
