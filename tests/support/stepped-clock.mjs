// A wall clock that a test can step, for a server started with it. Linux only.
// (libfaketime fails: it and jemalloc, which Debian's servers use, deadlock at the start.)

import { makeShim } from './shim.mjs';

/**
 * `startRedis({ env: clock.env })` starts a server with this clock. `clock.step(ms)` moves it forward or back from
 * then on. `clock.remove()` deletes its files, after the server has stopped.
 */
export async function steppedClock() {
  const { env, write, remove } = await makeShim('clock_shim.c');
  let offsetUs = 0;
  return {
    env,
    step(ms) {
      offsetUs += Math.round(ms * 1000);
      write(offsetUs);
    },
    remove,
  };
}
