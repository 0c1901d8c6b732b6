// Waiting, in the time of the store's clock.

import { type Clock, readClockUs, SLEEP, type SleepClock } from './clock.js';
import { whenAborted } from './signals.js';
import * as real from './timers.js';

/** Longer ones fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The time of waiting calls. */
export class Time {
  readonly #clock: Clock | undefined;

  constructor(clock: Clock | undefined) {
    this.#clock = clock;
  }

  /** In ms, from an arbitrary start. */
  now(): number {
    return this.#clock === undefined ? real.monotonicMs() : readClockUs(this.#clock) / 1e3;
  }

  /** The globals, for a caller's clock: if the clock is fake, so are the timers. */
  get timers(): Timers {
    return this.#clock === undefined ? real : globalThis;
  }

  /** Resolves once `ms` have passed (at once if none have to), or rejects with the signal's reason when that comes first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      if (!(ms > 0)) {
        resolve();
        return;
      }
      const clock = this.#clock as Partial<SleepClock> | undefined;
      // Declared first: if listening to the signal throws, the timer still calls `wake`.
      let forget: (() => void) | undefined;
      const wake = () => {
        forget?.();
        resolve();
      };
      const cancel = clock?.[SLEEP]?.(ms, wake) ?? startTimer(this.timers, ms, wake);
      forget =
        signal &&
        whenAborted(signal, () => {
          cancel();
          reject(signal.reason);
        });
    });
  }
}

export type Timers = Pick<typeof globalThis, 'setTimeout' | 'clearTimeout'>;

function startTimer(
  { setTimeout, clearTimeout }: Timers,
  ms: number,
  wake: () => void,
): () => void {
  let timer: NodeJS.Timeout;
  const arm = (left: number) => {
    const step = Math.min(Math.ceil(left), LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > step ? arm(left - step) : wake()), step);
  };
  arm(ms);
  return () => clearTimeout(timer);
}
