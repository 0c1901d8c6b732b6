// Waiting, in the time of the store's clock.

import { type Clock, readClockUs, SLEEP, type SleepClock } from './clock.js';

/** Longer ones fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The time that waiting calls live in. */
export class Time {
  readonly #clock: Clock | undefined;

  constructor(clock: Clock | undefined) {
    this.#clock = clock;
  }

  /** In ms, from any moment. */
  now(): number {
    return this.#clock === undefined ? performance.now() : readClockUs(this.#clock) / 1e3;
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
      const wake = () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const cancel = clock?.[SLEEP]?.(ms, wake) ?? startTimer(ms, wake);
      const abort = () => {
        cancel();
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

function startTimer(ms: number, wake: () => void): () => void {
  const end = performance.now() + ms;
  let timer: NodeJS.Timeout;
  const arm = (left: number) => {
    timer = setTimeout(
      () => {
        const rest = ms > LONGEST_TIMER_MS ? end - performance.now() : 0;
        if (rest > 0) arm(rest);
        else wake();
      },
      Math.min(Math.ceil(left), LONGEST_TIMER_MS),
    );
  };
  arm(ms);
  return () => clearTimeout(timer);
}
