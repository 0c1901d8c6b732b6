// Helpers for tests of waiting: calls that wait on a clock that the test moves, and their outcomes.

import { settle } from './limits.mjs';

/** Calls that wait, and the order and time in which they end. */
export function queue(limiter, clock) {
  const ended = [];
  const enter = (name, options, key = 'k') => {
    const call = limiter.wait(key, options);
    const note = (how) => ended.push(`${name} ${how} at ${Math.ceil(clock.now())}`);
    call.then(
      ({ allowed }) => note(allowed ? 'in' : 'denied'),
      (error) => note(error.code ?? error.name),
    );
    return call;
  };
  const advance = async (ms, step = ms) => {
    for (let left = ms; left > 0; left -= step) {
      clock.advance(Math.min(step, left));
      await settle();
    }
  };
  return { ended, enter, advance };
}

/** The reason of one who gives up. */
export const gone = Object.assign(new Error('given up'), { code: 'GONE' });
