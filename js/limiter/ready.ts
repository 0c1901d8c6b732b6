// Waiting until a store answers.

import { checkNumber, checkOptionNames, SluiceError } from './errors.js';
import { ownOptions } from './own-options.js';
import { whenAborted } from './signals.js';
import type { Time } from './time.js';
import { clearTimeout, setTimeout } from './timers.js';
import type { ReadyOptions } from './types.js';

const DEFAULT_TIMEOUT_MS = 10_000;
const LONGEST_TIMEOUT_MS = 86_400_000;
/** The pause after a probe that got no answer. */
const PAUSE_MS = 50;

/** The time limit of `ready`. @throws TypeError, RangeError `ERR_SLUICE_*` */
export function readTimeoutMs(options: ReadyOptions | undefined): number {
  if (options === undefined) return DEFAULT_TIMEOUT_MS;
  const expected = 'given an object of options, such as ready({ timeoutMs: 5000 })';
  checkOptionNames(options, ['timeoutMs'], 'ready', { expected });
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = ownOptions(options);
  const range = `a number of milliseconds from 1 to ${LONGEST_TIMEOUT_MS}`;
  const fits = (ms: number) => ms >= 1 && ms <= LONGEST_TIMEOUT_MS;
  checkNumber('ERR_SLUICE_OPTIONS', 'timeoutMs', timeoutMs, range, fits);
  return timeoutMs;
}

/** Settles as `promise`, or rejects with the signal's reason when that comes first. */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  let forget: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    forget = whenAborted(signal, () => reject(signal.reason));
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    forget?.();
  }
}

/**
 * Repeats `probe` until it resolves.
 *
 * @param probe rejects with a `SluiceError` that has a `fault` if the store did not answer
 * @param closing aborts when the limiter is closed
 * @throws SluiceError `ERR_SLUICE_STORE_UNAVAILABLE` after `timeoutMs`, with the last fault; the reason of `closing`;
 *   any other error of `probe`
 */
export async function untilAnswered(
  probe: () => Promise<void>,
  timeoutMs: number,
  closing: AbortSignal,
  time: Time,
): Promise<void> {
  const end = new AbortController();
  const { signal } = end;
  let last: SluiceError | undefined;
  const timer = setTimeout(() => end.abort(notReady(timeoutMs, last)), timeoutMs);
  const forget = whenAborted(closing, () => end.abort(closing.reason));
  try {
    for (;;) {
      signal.throwIfAborted();
      try {
        await unlessAborted(probe(), signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof SluiceError) || error.fault === undefined) throw error;
        last = error;
      }
      await time.sleep(PAUSE_MS, signal);
    }
  } finally {
    clearTimeout(timer);
    forget();
  }
}

function notReady(timeoutMs: number, last: SluiceError | undefined): SluiceError {
  const why = last === undefined ? '' : `; ${last.message}`;
  return new SluiceError(
    'ERR_SLUICE_STORE_UNAVAILABLE',
    `the store did not answer within the ${timeoutMs} ms of ready()${why}`,
    { fault: last?.fault ?? 'timeout', ...(last && { cause: last }) },
  );
}
