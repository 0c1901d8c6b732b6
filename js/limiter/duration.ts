// Durations as users write them.

import { rangeError, typeError } from './errors.js';
import type { Duration } from './types.js';

const UNITS_US: Readonly<Record<string, number>> = {
  ms: 1e3,
  s: 1e6,
  m: 60e6,
  h: 3_600e6,
  d: 86_400e6,
};

const EXPECTED =
  "a duration: milliseconds as a number, or text without spaces such as '250ms', '10s', '1m', '1h', '1d'";

/**
 * A duration in whole microseconds, rounded to the nearest. `most` is the caller's longest duration, for the error
 * message; the caller checks it.
 *
 * @throws TypeError `ERR_SLUICE_DURATION` if it is not a duration, RangeError if it is shorter than `leastUs` or
 *   beyond 2^53 microseconds (285 years)
 */
export function durationUs(value: Duration, name: string, leastUs = 1, most = '285 years'): number {
  let us: number;
  if (typeof value === 'number') {
    us = value * 1e3;
  } else {
    const parts = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) : null;
    if (!parts) throw typeError('ERR_SLUICE_DURATION', name, value, EXPECTED);
    us = Number(parts[1]) * UNITS_US[parts[2] as string]!;
  }
  const whole = Math.round(us);
  if (!(whole >= leastUs) || !Number.isSafeInteger(whole)) {
    const least = leastUs === 1 ? '1 microsecond (0.001)' : `${leastUs / 1e3} ms`;
    throw rangeError('ERR_SLUICE_DURATION', name, value, `a duration from ${least} to ${most}`);
  }
  return whole;
}

/**
 * Reads a duration, such as one from the environment, and returns it in milliseconds. TypeScript accepts any text here;
 * the options of policies accept only literals such as `'10s'`.
 *
 * @example
 * import { duration, fixedWindow } from 'sluice';
 *
 * const policy = fixedWindow({ limit: 100, window: duration(process.env.WINDOW ?? '1m') });
 *
 * @param text a number of milliseconds, or text such as `'250ms'`, `'10s'`, `'1m'`, `'1h'`, `'1d'`; text needs its unit
 * @returns milliseconds, from 0.001 (1 microsecond) to 285 years
 * @throws TypeError `ERR_SLUICE_DURATION` if it is not a duration (also for `undefined`), RangeError if it is too short or
 *   too long
 */
export function duration(text: string | number): number {
  return durationUs(text as Duration, 'duration') / 1e3;
}
