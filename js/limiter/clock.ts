// Clocks for a memory store: a manual one, and one that follows Date.

import { durationUs } from './duration.js';
import { rangeError } from './errors.js';
import type { Duration } from './types.js';

/**
 * The time source of a memory store: `manualClock()`, `dateClock()`, or your own.
 *
 * @example
 * import { memory } from 'sluice';
 * import type { Clock } from 'sluice/testing';
 *
 * const clock: Clock = { now: () => Date.UTC(2030, 0, 1) };
 * const store = memory({ clock });
 */
export interface Clock {
  /** Milliseconds since 1970, from 1900 to 2180, or since any other moment; fractions count down to a microsecond. */
  now(): number;
}

/** Marks a clock that wakes its sleepers when it moves. */
export const SLEEP: unique symbol = Symbol('sluice.sleep');

/** A clock with its own sleepers. */
export interface SleepClock extends Clock {
  /** Calls `wake` once the clock has moved `ms` further; the returned function cancels that. */
  [SLEEP](ms: number, wake: () => void): () => void;
}

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /**
   * Moves the clock, also backwards: `advance('1s')`, `advance(0.001)` (a microsecond), `advance(-50)`.
   *
   * @throws RangeError `ERR_SLUICE_CLOCK` if that would be below 0; the clock then stays as it was
   */
  advance(by: Duration): void;
}

/**
 * Makes a clock that starts at 0 and moves only by `advance`. Calls that `wait` under it continue when it has moved far
 * enough.
 *
 * @example
 * import assert from 'node:assert/strict';
 * import { createLimiter, fixedWindow, memory } from 'sluice';
 * import { manualClock } from 'sluice/testing';
 *
 * const clock = manualClock();
 * const limiter = createLimiter({
 *   policies: fixedWindow({ limit: 1, window: '1m' }),
 *   store: memory({ clock }),
 * });
 * assert.equal(limiter.checkSync('user:42').allowed, true);
 * assert.equal(limiter.checkSync('user:42').allowed, false);
 * clock.advance('1m');
 * assert.equal(limiter.checkSync('user:42').allowed, true);
 */
export function manualClock(): ManualClock {
  let us = 0;
  const sleepers = new Set<{ readonly atUs: number; readonly wake: () => void }>();
  const clock: ManualClock & SleepClock = {
    now: () => us / 1e3,
    advance(by) {
      const step =
        typeof by === 'number' && by <= 0 ? -durationUs(-by, 'by', 0) : durationUs(by, 'by', 0);
      if (us + step < 0) {
        throw rangeError(
          'ERR_SLUICE_CLOCK',
          'by',
          by,
          `at least ${-us / 1e3}: the clock cannot go below 0`,
        );
      }
      us += step;
      const due = [...sleepers].filter(({ atUs }) => atUs <= us).sort((a, b) => a.atUs - b.atUs);
      for (const sleeper of due) {
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    },
    [SLEEP](ms, wake) {
      const sleeper = { atUs: us + Math.round(ms * 1e3), wake };
      sleepers.add(sleeper);
      return () => sleepers.delete(sleeper);
    },
  };
  Object.defineProperty(clock, SLEEP, { enumerable: false });
  return clock;
}

/**
 * Makes a clock that reads `Date.now()` (1900 to 2180), so that fake timers of jest, sinon, vitest or `node:test` drive a
 * limiter.
 *
 * @example
 * import assert from 'node:assert/strict';
 * import { mock } from 'node:test';
 * import { createLimiter, fixedWindow, memory } from 'sluice';
 * import { dateClock } from 'sluice/testing';
 *
 * mock.timers.enable({ apis: ['Date'] });
 * const limiter = createLimiter({
 *   policies: fixedWindow({ limit: 1, window: '1m' }),
 *   store: memory({ clock: dateClock() }),
 * });
 * assert.equal(limiter.checkSync('user:42').allowed, true);
 * assert.equal(limiter.checkSync('user:42').allowed, false);
 * mock.timers.tick(60_000);
 * assert.equal(limiter.checkSync('user:42').allowed, true);
 */
export function dateClock(): Clock {
  return { now: () => Date.now() };
}

/** The range of a clock: the whole microseconds that stores can count and a number holds exactly. */
const EARLIEST_MS = Date.UTC(1900, 0, 1);
const LATEST_MS = Date.UTC(2180, 0, 1);
/** The offset of stores' times from 1970: they count from the earliest time, because none may be below 0. */
export const WALL_OFFSET_US = EARLIEST_MS * 1e3;

/** Reads a clock, possibly the caller's own, in the stores' unit: us since 1900. */
export function readClockUs(clock: Clock): number {
  const ms: unknown = clock.now();
  if (!(typeof ms === 'number' && ms >= EARLIEST_MS && ms <= LATEST_MS)) {
    throw rangeError(
      'ERR_SLUICE_CLOCK',
      'clock.now()',
      ms,
      `milliseconds since 1970, from ${EARLIEST_MS} (the year 1900) to ${LATEST_MS} (2180)`,
    );
  }
  return Math.round(ms * 1e3) - WALL_OFFSET_US;
}
