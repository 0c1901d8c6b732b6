// Helpers for tests of limiters in memory: a limiter on a clock that stands still until a test moves it.

import { setImmediate } from 'node:timers/promises';
import { createLimiter, memory } from 'sluice';
import { manualClock } from 'sluice/testing';

/** A limiter and its clock. Options as of createLimiter; a policy, or several by name, alone will do. */
export function still(policies, { maxKeys, ...options } = {}) {
  const clock = manualClock();
  const store = memory({ clock, ...(maxKeys === undefined ? {} : { maxKeys }) });
  const given = policies === undefined ? {} : { policies };
  return { clock, store, limiter: createLimiter({ ...given, store, ...options }) };
}

/** How many of `calls` checks, one after the other, are admitted. */
export function admitted(limiter, key, calls, options) {
  let count = 0;
  for (let i = 0; i < calls; i++) if (limiter.checkSync(key, options).allowed) count += 1;
  return count;
}

/** The decision without the parts that differ from policy to policy. */
export function brief({ allowed, remaining, retryAfterMs, resetAfterMs }) {
  return [allowed, remaining, retryAfterMs, resetAfterMs];
}

/** Runs all pending callbacks. */
export async function settle() {
  await setImmediate();
}
